package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/term"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
)

// backupList is the file of a backup that lists the others.
const backupList = "backup.json"

// A listing is what is in a backup.
type listing struct {
	Version string            `json:"version"`
	Level   cluster.Level     `json:"level,omitzero"`
	Made    time.Time         `json:"made"`
	Files   map[string]string `json:"files"` // path: SHA-256
}

// backup makes a backup of a server that runs, or of the data directory of one that is stopped.
func backup(args []string) error {
	fs := flag.NewFlagSet("leat backup", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // an error of parsing is printed once, by main
	data := fs.String("data", "./leat-data", "data `directory` of a server that does not run")
	url := fs.String("url", "", "a server that runs, any node of its cluster: `postgres://user@host:port`")
	to := fs.String("to", "", "`directory` to be made")
	if done, err := parseAll(fs, args); done || err != nil {
		return err
	}
	if *to == "" {
		return errors.New("leat backup: --to says where the copy goes")
	}
	what, take := *data, func() error { return copyData(*data, *to) }
	if *url != "" {
		what, take = "what the server has", func() error { return fetchBackup(context.Background(), *url, *to) }
	}
	if err := take(); err != nil {
		return err
	}
	list := listing{Version: version, Made: time.Now().UTC(), Files: map[string]string{}}
	var err error
	if list.Level, err = cluster.LevelIn(filepath.Join(*to, "cluster")); err != nil {
		return err
	}
	err = eachFile(*to, func(name string) (err error) {
		list.Files[name], err = sumFile(filepath.Join(*to, name))
		return err
	})
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(&list, "", "  ")
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(*to, backupList), b); err != nil {
		return err
	}
	if err := syncAll(*to); err != nil {
		return err
	}
	fmt.Printf("%d files of %s are in %s.\n", len(list.Files), what, *to)
	return nil
}

// copyData copies the data directory of a server that is stopped.
func copyData(data, to string) error {
	if _, err := os.Stat(filepath.Join(data, "cluster")); err != nil {
		return fmt.Errorf("%s is no data directory: %w", data, err)
	}
	lock, err := lockDir(data)
	if err != nil {
		return fmt.Errorf("%w: stop it first, or name the server with --url", err)
	}
	defer lock.Close()
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	return eachFile(data, func(name string) error {
		if name == "lock" {
			return nil
		}
		_, err := copyFile(filepath.Join(data, name), filepath.Join(to, name))
		return err
	})
}

// fetchBackup makes a directory of the backup that a server sends.
func fetchBackup(ctx context.Context, url, to string) (err error) {
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil { // nobody shall take it for a backup
			err = errors.Join(err, os.RemoveAll(to))
		}
	}()
	r, w := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		_, err := conn.CopyTo(ctx, w, "BACKUP TO STDOUT")
		w.CloseWithError(err)
		sent <- err
	}()
	in := &shown{r: r, out: os.Stderr}
	err = engine.TakeBackup(in, filepath.Join(to, "engine"), clusterIn(to))
	in.end()
	r.CloseWithError(err)
	return errors.Join(err, <-sent)
}

// shown is a reader that tells a terminal from time to time how much has been read, in one line.
type shown struct {
	r    io.Reader
	out  *os.File
	n    int64
	last time.Time
	told bool
}

// showEvery is how often progress is told.
const showEvery = 2 * time.Second

// Read implements io.Reader.
func (s *shown) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if s.last.IsZero() {
		s.last = time.Now()
	}
	if time.Since(s.last) > showEvery {
		s.last = time.Now()
		if term.IsTerminal(int(s.out.Fd())) {
			fmt.Fprintf(s.out, "\r%d MiB", s.n>>20)
			s.told = true
		}
	}
	return n, err
}

// end ends the line.
func (s *shown) end() {
	if s.told {
		fmt.Fprintln(s.out)
	}
}

// restore makes a data directory of a backup: a cluster of one node, which others may join.
func restore(args []string) error {
	fs := flag.NewFlagSet("leat restore", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // an error of parsing is printed once, by main
	from := fs.String("from", "", "`directory` that leat backup has made")
	data := fs.String("data", "./leat-data", "data `directory` to be made")
	if done, err := parseAll(fs, args); done || err != nil {
		return err
	}
	var list listing
	b, err := os.ReadFile(filepath.Join(*from, backupList))
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		return fmt.Errorf("leat restore: %s is no backup: %w", *from, err)
	}
	if err := list.Level.Usable("the backup", version, cluster.OwnLevels()); err != nil {
		return err
	}
	if err := os.Mkdir(*data, 0o755); err != nil {
		return fmt.Errorf("leat restore: the data directory must be new: %w", err)
	}
	lock, err := lockDir(*data)
	if err != nil {
		return err
	}
	defer lock.Close()
	for name, want := range list.Files {
		sum, err := copyFile(filepath.Join(*from, name), filepath.Join(*data, name))
		if err != nil {
			return err
		}
		if sum != want {
			return fmt.Errorf("leat restore: %s is not as it was when the backup was made", filepath.Join(*from, name))
		}
	}
	if err := os.Remove(filepath.Join(*data, "cluster-address")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := cluster.Recover(clusterIn(*data)); err != nil {
		return err
	}
	if err := syncAll(*data); err != nil {
		return err
	}
	fmt.Printf("%s has the %d files of %s, as a cluster of one node.\n", *data, len(list.Files), *from)
	return nil
}

// clusterIn is the configuration of a node that does not run.
func clusterIn(data string) cluster.Config {
	return cluster.Config{Dir: filepath.Join(data, "cluster"),
		Peers: cluster.Peers{Self: cluster.Member{Version: version}}}
}

// parseAll parses flags; done says that help was asked for and given.
func parseAll(fs *flag.FlagSet, args []string) (done bool, err error) {
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(os.Stdout)
		fs.PrintDefaults()
		return true, nil
	case err != nil:
		return false, err
	case fs.NArg() > 0:
		return false, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return false, nil
}

// eachFile calls do with the name of every file below a directory.
func eachFile(dir string, do func(name string) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return do(name)
	})
}

// copyFile copies a file, makes the copy durable and returns its SHA-256.
func copyFile(from, to string) (sum string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return "", err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, hash), in)
	if err == nil {
		err = out.Sync()
	}
	return hex.EncodeToString(hash.Sum(nil)), errors.Join(err, out.Close())
}

func sumFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, f)
	return hex.EncodeToString(hash.Sum(nil)), err
}

func writeSynced(path string, b []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncAll makes the entries of all directories below one durable.
func syncAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}
