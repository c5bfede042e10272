package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const testdata = "../../testdata"

var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

// testMain builds the server the demo runs.
func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "leat-demo-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "leat")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/leat")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// record is a flight as the file has it.
type record struct {
	Date                string
	Delay               int64
	Origin, Destination string
}

// sum is what a group adds up to.
type sum struct{ flights, delay, worst int64 }

func (s *sum) add(delay int64) {
	if s.flights == 0 || delay > s.worst {
		s.worst = delay
	}
	s.flights++
	s.delay += delay
}

// average is rounded half away from zero to one decimal, as numeric is.
func (s sum) average() string {
	n, sign := s.delay, ""
	if n < 0 {
		n, sign = -n, "-"
	}
	tenths := (20*n + s.flights) / (2 * s.flights)
	if tenths == 0 {
		sign = ""
	}
	return fmt.Sprintf("%s%d.%d", sign, tenths/10, tenths%10)
}

// recompute reads the files with Go's own readers and groups the flights by city, and by hour and airport.
func recompute(t *testing.T) (cities map[string]sum, hours map[string]sum) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testdata, "airports.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	place := map[string]string{}
	for _, r := range rows[1:] {
		place[r[0]] = r[2] + "|" + r[3]
	}
	if text, err = os.ReadFile(filepath.Join(testdata, flightsFile)); err != nil {
		t.Fatal(err)
	}
	var records []record
	if err := json.Unmarshal(text, &records); err != nil {
		t.Fatal(err)
	}
	cities, hours = map[string]sum{}, map[string]sum{}
	group := func(groups map[string]sum, key string, delay int64) {
		s := groups[key]
		s.add(delay)
		groups[key] = s
	}
	for _, r := range records {
		if p, ok := place[r.Origin]; ok {
			group(cities, p, r.Delay)
		}
		group(hours, strings.ReplaceAll(r.Date[:13], "/", "-")+"|"+r.Origin, r.Delay)
	}
	return cities, hours
}

// TestPlain runs the demo as a script does, and finds the recomputed numbers in what it prints.
func TestPlain(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "run", ".", "--leat", binary, "--testdata", testdata)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	if !strings.Contains(string(out), "20000 flights of 2001-01-01 to 2001-03-31 replayed") {
		t.Errorf("the flights are not there:\n%s", out)
	}
	cities, _ := recompute(t)
	c := cities["Chicago|IL"]
	line := fmt.Sprintf("Chicago IL %d %s %d", c.flights, c.average(), c.worst)
	found := false
	for l := range strings.Lines(string(out)) {
		found = found || strings.Join(strings.Fields(l), " ") == line
	}
	if !found {
		t.Errorf("no line %q in\n%s", line, out)
	}
}

// TestFailure gives the demo a server that cannot be.
func TestFailure(t *testing.T) {
	for name, leat := range map[string]string{"missing": filepath.Join(t.TempDir(), "leat"), "ends": "/bin/sh"} {
		cmd := exec.CommandContext(t.Context(), "go", "run", ".", "--leat", leat, "--testdata", testdata)
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("demo: ")) || !bytes.Contains(out, []byte("exit status 1")) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestStory follows the demo on a server that stays, compares every row of its views with a recomputation, also of the
// one that was followed by a push query, and tries what it tells to try.
func TestStory(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := startServer(ctx, binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	conn, err := s.connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := setUp(ctx, conn, testdata, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	v, err := followView(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer v.close()
	flights, err := readFlights(testdata)
	if err != nil {
		t.Fatal(err)
	}
	if err := newReplay(conn, flights, 60*day).run(ctx); err != nil {
		t.Fatal(err)
	}
	cities, hours := recompute(t)
	compare(ctx, t, conn, cities, "SELECT city || '|' || state, flights, avg_delay::text, worst FROM city_delays")
	compare(ctx, t, conn, hours,
		`SELECT to_char(window_start, 'YYYY-MM-DD HH24') || '|' || origin, flights, avg_delay::text, NULL::int
		 FROM departures`)
	followed(ctx, t, v, cities)
	try(ctx, t, s, conn)
}

// compare reads keys, counts, averages and, where they are, maxima.
func compare(ctx context.Context, t *testing.T, conn *pgx.Conn, want map[string]sum, sql string) {
	t.Helper()
	want = maps.Clone(want)
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var key, average string
		var n int64
		var worst *int64
		if err := rows.Scan(&key, &n, &average, &worst); err != nil {
			t.Fatal(err)
		}
		w, ok := want[key]
		if !ok || n != w.flights || average != w.average() || worst != nil && *worst != w.worst {
			t.Errorf("%s: %s has %d flights, average %s; want %+v, average %s", sql, key, n, average, w, w.average())
		}
		delete(want, key)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(want) > 0 {
		t.Errorf("%s: %d rows are missing", sql, len(want))
	}
}

// followed waits until the push query has shown the last change.
func followed(ctx context.Context, t *testing.T, v *view, want map[string]sum) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		rows, err := v.now()
		if err != nil {
			t.Fatal(err)
		}
		same := len(rows) == len(want)
		for at, d := range rows {
			w := want[at.city+"|"+at.state]
			same = same && w.flights == d.flights && w.worst == int64(d.worst)
		}
		if same {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the push query shows %d rows, not the %d there are", len(rows), len(want))
		}
	}
}

// try runs the statements the demo offers, as they are.
func try(ctx context.Context, t *testing.T, s *server, conn *pgx.Conn) {
	t.Helper()
	var live, insert string
	for _, x := range tries {
		switch {
		case strings.Contains(x.sql, "EMIT CHANGES"):
			live = x.sql
			continue
		case strings.HasPrefix(x.sql, "INSERT"):
			insert = x.sql
		}
		if _, err := conn.PgConn().Exec(ctx, x.sql).ReadAll(); err != nil {
			t.Errorf("%s\n%v", x.sql, err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	other, err := s.connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	data := &arrivals{want: "\t600\n", seen: make(chan struct{})}
	go func() {
		_, _ = other.PgConn().CopyTo(ctx, data, live) // it ends with ctx
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for { // until the live query has begun and shows a flight
		select {
		case <-data.seen:
			return
		case <-tick.C:
			if _, err := conn.Exec(ctx, insert); err != nil {
				t.Fatal(err)
			}
		case <-ctx.Done():
			t.Fatal("the live query did not show the flight")
		}
	}
}

// arrivals closes seen when what it waits for has been written.
type arrivals struct {
	want string
	once sync.Once
	seen chan struct{}
}

func (a *arrivals) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(a.want)) {
		a.once.Do(func() { close(a.seen) })
	}
	return len(p), nil
}
