// Command bench measures Leat side by side with what the machine can do, in one run: run it with make bench. Every
// claim in the documentation is one of these ratios.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
)

// measure is one benchmark: it prints its results.
type measure struct {
	name, doc string
	run       func(b *bench) error
}

var measures = []measure{
	{"copy", "COPY of JSON against a plain write and fdatasync of the same bytes", (*bench).copy},
	{"filter", "filter and project in a continuous query over JSON", (*bench).filter},
	{"wide", "one record in a hundred of a wide stream", (*bench).wide},
	{"window", "a windowed count in a continuous query over JSON", (*bench).window},
	{"spill", "state ten times larger than its limit, against the same in memory", (*bench).spill},
	{"restart", "a restart with a large state, and a checkpoint of all of it while queries go on", (*bench).restart},
	{"latency", "from INSERT to the row of a push query, against one fdatasync", (*bench).latency},
	{"point", "a row of a view by key, 16 clients of pgbench, against PostgreSQL", (*bench).point},
	{"stream1m", "a million rows of six columns to one client, against PostgreSQL", (*bench).stream1m},
	{"insert", "INSERT of single rows by 16 clients of pgbench, against PostgreSQL", (*bench).insert},
	{"idle", "memory of sessions that wait", (*bench).idle},
	{"replace", "a view of --rows rows replaced while rows come and a push query is open", (*bench).replace},
	{"kafka", "produce and consume with a Kafka client, against the disk and the loopback", (*bench).kafka},
	{"spread", "statements at three nodes beside topics that they share, against topics at home", (*bench).spread},
	{"failover", "how long clients wait when the leader of three nodes is killed", (*bench).failover},
	{"three", "produce with acks=all at three nodes, against one", (*bench).threefold},
	{"share", "memory of a hundred views that group one stream by the same", (*bench).share},
	{"tpch", "the 22 queries of TPC-H against PostgreSQL (-scale)", (*bench).tpch},
	{"apache", "produce, consume and latency against Apache Kafka, by its own programs", (*bench).apache},
}

// bench is what the measures share.
type bench struct {
	dir  string // for data, emptied afterwards
	bin  string // the server
	rows int
	// groups is how many keys large states have.
	groups int
	// scale is that of TPC-H: 1 is six million lines of orders.
	scale float64
	// seconds is how long each round of pgbench lasts.
	seconds int
}

func main() {
	only := flag.String("run", "", "only measures whose name matches this `regexp`")
	bin := flag.String("leat", "bin/leat", "the server's `binary`")
	dir := flag.String("dir", "", "`directory` on the disk to measure; default a temporary one")
	rows := flag.Int("rows", 2_000_000, "`records` of the throughput measures")
	scale := flag.Float64("scale", 0.1, "`scale` of tpch")
	seconds := flag.Int("seconds", 5, "`seconds` of each round of pgbench")
	groups := flag.Int("groups", 10_000_000, "`keys` of large states")
	profile := flag.String("cpuprofile", "", "write a profile of this process to `file`")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	b := &bench{bin: *bin, rows: *rows, groups: *groups, scale: *scale, seconds: *seconds}
	if err := run(*only, *dir, b); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(only, dir string, b *bench) error {
	re, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(dir, "leat-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	if runtime.GOMAXPROCS(0) < 4 {
		runtime.GOMAXPROCS(4) // as the server does
	}
	b.dir = tmp
	fmt.Printf("%s %s/%s, %d cores\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, m := range measures {
		if !re.MatchString(m.name) {
			continue
		}
		fmt.Printf("\n%s: %s\n", m.name, m.doc)
		if err := m.run(b); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// line prints one result.
func line(what, format string, args ...any) {
	fmt.Printf("  %-44s %s\n", what, fmt.Sprintf(format, args...))
}

// verdict says how a ratio compares with what it should be.
func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "SHORT"
}
