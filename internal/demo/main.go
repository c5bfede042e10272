// Demo shows Leat at work: it starts a server on an empty directory, replays real flights into a stream, and shows a
// view that follows them. In a terminal the view changes live and the server stays for questions; elsewhere the flights
// come at full speed, the final answers are printed and everything is gone again.
//
// The files: server.go runs the server; story.go has every statement; flights.go reads the flights and replays.go sends
// them; follow.go keeps the answer of a push query; screen.go draws it.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// options say how the demo runs.
type options struct {
	leat     string  // the server's binary
	testdata string  // where the sample data is
	speed    float64 // seconds of the flights' time in a second; 0 is as fast as they go
	out      *os.File
	terminal bool
}

func main() {
	o := options{out: os.Stdout}
	flag.StringVar(&o.leat, "leat", "bin/leat", "the `binary` of the server")
	flag.StringVar(&o.testdata, "testdata", "testdata", "the `directory` of the sample data")
	flag.Float64Var(&o.speed, "speed", 2*day, "how many `seconds` of the flights' time pass in a second; 0 for full speed")
	flag.Parse()
	o.terminal = term.IsTerminal(int(o.out.Fd())) && os.Getenv("TERM") != "dumb"
	if !o.terminal {
		o.speed = 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

// run is the whole demo. The server is stopped when it returns, whatever happened.
func run(ctx context.Context, o options) (err error) {
	if o.speed < 0 {
		return errors.New("--speed cannot be negative")
	}
	flights, err := readFlights(o.testdata)
	if err != nil {
		return err
	}
	s, err := startServer(ctx, o.leat)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, s.stop())
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		<-s.ended
		cancel(s.unexpected())
	}()
	if err := tell(ctx, o, s, flights); err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
			err = cause
		}
		return err
	}
	return nil
}

// tell makes the relations, replays the flights, and gives the answers.
func tell(ctx context.Context, o options, s *server, flights []flight) error {
	out := bufio.NewWriter(o.out)
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	fmt.Fprintf(out, "Leat runs at %s on an empty directory. It is told:\n\n", s.addr)
	if err := setUp(ctx, conn, o.testdata, out); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	v, err := followView(ctx, s)
	if err != nil {
		return err
	}
	defer v.close()
	p := newReplay(conn, flights, o.speed)
	if o.terminal {
		err = watch(ctx, o.out, p, v)
	} else {
		err = p.run(ctx)
	}
	if err != nil {
		return err
	}
	if err := report(ctx, conn, p, out); err != nil {
		return err
	}
	if err := out.Flush(); err != nil || !o.terminal {
		return err
	}
	return invite(ctx, o.out, s)
}

// invite says how to go on and waits for Ctrl-C.
func invite(ctx context.Context, w io.Writer, s *server) error {
	fmt.Fprintf(w, "The server is still there. Connect from another terminal:\n\n"+
		"  psql -h %s -p %s -U leat\n\nand try:\n\n", s.host, s.port)
	for _, t := range tries {
		fmt.Fprintf(w, "  -- %s\n%s\n\n", t.why, indent(t.sql))
	}
	fmt.Fprintln(w, "Ctrl-C stops the server and deletes its data.")
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause // the server is gone
	}
	fmt.Fprintln(w, "\nStopped.")
	return nil
}
