package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

const startUsage = `Usage: leat start [flags]

Each flag may also be set in the file given by --config ("name = value") and in the
environment (LEAT_ and the name in upper case, dashes as underscores). Flags win over the
environment, the environment over the file.

`

// config is how the server runs: defaults, then the configuration file, then LEAT_* variables, then flags, each over
// the one before.
type config struct {
	file         string
	data         string
	pg           string
	kafka        string
	kafkaTLS     string
	tlsMode      string
	tlsCert      string
	tlsKey       string
	passwordFile string
	password     string // of LEAT_PASSWORD
	autoCreate   bool
	partitions   int
	placement    string // of topics that clients of Kafka make
	http         string
	cluster      string
	join         string
	advertise    string
	peerCert     string
	peerKey      string
	peerCA       string
	peerPlain    bool
	holdLevel    bool
	follow       bool
	logLevel     string
	checkpoint   time.Duration
	backfill     int
	reserve      int64  // MiB
	stateMemory  string // how much state is in memory
}

// flags declares every setting. Their names are also those of the file and, upper-cased after LEAT_, of the
// environment.
func (c *config) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("leat start", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // an error of parsing is printed once, by main
	fs.StringVar(&c.file, "config", "", "`file` with settings, one \"name = value\" a line")
	fs.StringVar(&c.data, "data", "./leat-data", "data `directory`")
	fs.StringVar(&c.pg, "pg", "127.0.0.1:5433", "`address` of the Postgres door")
	fs.StringVar(&c.kafka, "kafka", "127.0.0.1:9092", "`address` of the Kafka door; \"\" for none")
	fs.StringVar(&c.kafkaTLS, "kafka-tls", "", "`address` of a Kafka door with TLS; \"\" for none")
	fs.StringVar(&c.tlsMode, "tls", "", "auto makes a certificate in the data directory")
	fs.StringVar(&c.tlsCert, "tls-cert", "", "`file` with the server's certificate")
	fs.StringVar(&c.tlsKey, "tls-key", "", "`file` with the certificate's key")
	fs.StringVar(&c.passwordFile, "password-file", "", "`file` with the first password of user leat")
	fs.BoolVar(&c.autoCreate, "kafka-auto-create", true, "make topics that Kafka clients ask for")
	fs.IntVar(&c.partitions, "kafka-partitions", 1, "`partitions` of a topic when a Kafka client does not say")
	fs.StringVar(&c.placement, "kafka-placement", placedHome,
		"home or spread: who leads the partitions of a topic when a Kafka client does not say")
	fs.StringVar(&c.http, "http", "127.0.0.1:7880", "`address` of /healthz and /metrics; \"\" for none")
	fs.StringVar(&c.cluster, "cluster", "", "`address` for other nodes; without it and --join the server runs alone")
	fs.StringVar(&c.join, "join", "", "`addresses` of nodes of a cluster that a new node joins, by commas")
	fs.StringVar(&c.advertise, "advertise", "", "`host` where others find this node; default that of --cluster")
	fs.StringVar(&c.peerCert, "cluster-tls-cert", "", "`file` with the certificate that other nodes see")
	fs.StringVar(&c.peerKey, "cluster-tls-key", "", "`file` with its key")
	fs.StringVar(&c.peerCA, "cluster-tls-ca", "", "`file` with the authorities of the other nodes' certificates")
	fs.BoolVar(&c.peerPlain, "cluster-plain", false, "let other nodes connect without TLS from other machines")
	fs.BoolVar(&c.holdLevel, "hold-level", false, "keep the cluster's level, so that the older binary may come back")
	fs.BoolVar(&c.follow, "follow", true, "keep the state of queries up to date while another node leads")
	fs.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	fs.IntVar(&c.backfill, "backfill-rate", 0,
		"`rows` a second that a continuous query takes in while it catches up; 0 for as many as there is time for")
	fs.DurationVar(&c.checkpoint, "checkpoint-interval", 10*time.Second,
		"`time` between checkpoints of continuous queries")
	fs.Int64Var(&c.reserve, "reserve", 64, "free disk space, in `MiB`, below which writes are refused")
	fs.StringVar(&c.stateMemory, "state-memory", "25%",
		"`memory` for the state of queries: an amount as 512MB, or a part of the machine's; 0 for no limit")
	fs.Usage = func() {}
	return fs
}

// load reads flags, environment and file.
func load(args []string, env func(string) (string, bool)) (*config, error) {
	var c config
	fs := c.flags()
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(os.Stdout)
		fmt.Print(startUsage)
		fs.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w (leat start -h lists the flags)", err)
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var errs []error
	fs.VisitAll(func(f *flag.Flag) {
		if v, ok := env(envName(f.Name)); ok && !given[f.Name] {
			given[f.Name] = true
			if err := fs.Set(f.Name, v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", envName(f.Name), err))
			}
		}
	})
	if c.file != "" {
		errs = append(errs, c.readFile(fs, given))
	}
	c.password, _ = env("LEAT_PASSWORD")
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &c, c.validate()
}

func envName(flag string) string {
	return "LEAT_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func (c *config) readFile(fs *flag.FlagSet, given map[string]bool) error {
	f, err := os.Open(c.file)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"'`)
		if !ok || fs.Lookup(name) == nil || name == "config" {
			return fmt.Errorf("%s, line %d: %q is not a setting", c.file, n, line)
		}
		if given[name] {
			continue
		}
		if err := fs.Set(name, value); err != nil {
			return fmt.Errorf("%s, line %d: %w", c.file, n, err)
		}
	}
	return lines.Err()
}

func (c *config) validate() error {
	if err := c.validatePeers(); err != nil {
		return err
	}
	for _, a := range []struct{ flag, addr string }{{"pg", c.pg}, {"kafka", c.kafka}, {"kafka-tls", c.kafkaTLS}} {
		if _, _, err := net.SplitHostPort(a.addr); err != nil && (a.addr != "" || a.flag == "pg") {
			return fmt.Errorf("--%s: %w", a.flag, err)
		}
	}
	switch {
	case c.tlsMode != "" && c.tlsMode != "auto":
		return fmt.Errorf("--tls %s: it is auto, or --tls-cert and --tls-key name files", c.tlsMode)
	case c.tlsMode != "" && c.tlsCert+c.tlsKey != "":
		return errors.New("--tls auto and --tls-cert: one of them")
	case (c.tlsCert == "") != (c.tlsKey == ""):
		return errors.New("--tls-cert and --tls-key need each other")
	case c.kafkaTLS != "" && c.tlsMode+c.tlsCert == "":
		return errors.New("--kafka-tls needs a certificate: --tls auto, or --tls-cert and --tls-key")
	case c.password != "" && c.passwordFile != "":
		return errors.New("LEAT_PASSWORD and --password-file: one of them")
	}
	if c.partitions < 1 {
		return errors.New("--kafka-partitions must be at least 1")
	}
	if c.placement != placedHome && c.placement != placedSpread {
		return fmt.Errorf("--kafka-placement %s: it is home or spread", c.placement)
	}
	if c.backfill < 0 {
		return errors.New("--backfill-rate must not be negative")
	}
	if c.checkpoint < 100*time.Millisecond {
		return errors.New("--checkpoint-interval must be at least 100ms")
	}
	if _, err := stateBytes(c.stateMemory); err != nil {
		return err
	}
	if c.reserve < 1 {
		return errors.New("--reserve must be at least 1 MiB")
	}
	return nil
}
