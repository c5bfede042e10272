package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/leatdb/leat/internal/pgtest"
)

const (
	// tpchSlow is how long a query may take to be worth running more than once.
	tpchSlow = 5 * time.Second
	tpchRuns = 3
)

// tpch runs the queries of TPC-H in turns here and in PostgreSQL with its own settings, over the same rows, with the
// primary keys of the specification and ANALYZE, and compares the answers and the medians of the times.
func (b *bench) tpch() error {
	ctx := context.Background()
	s, err := b.start("tpch")
	if err != nil {
		return err
	}
	defer s.stop()
	ours, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer ours.Close(ctx)
	dsn, err := pgtest.Run()
	if err != nil {
		return err
	}
	theirs, err := pgx.Connect(ctx, dsn+" default_query_exec_mode=simple_protocol")
	if err != nil {
		return err
	}
	defer theirs.Close(ctx)
	for _, c := range []*pgx.Conn{ours, theirs} {
		began := time.Now()
		if err := loadTPCH(ctx, c, b.scale); err != nil {
			return err
		}
		line("loaded in", "%.1f s", time.Since(began).Seconds())
	}
	if _, err := theirs.Exec(ctx, "ANALYZE"); err != nil {
		return err
	}
	fmt.Printf("  scale %g: medians of %d, those over %v once\n", b.scale, tpchRuns, tpchSlow)
	var sum [2]time.Duration
	ratios := 0.0
	for i, sql := range tpchQueries {
		var took [2]time.Duration
		var answers [2][]string
		for k, c := range []*pgx.Conn{ours, theirs} {
			if took[k], answers[k], err = timed(ctx, c, sql); err != nil {
				return fmt.Errorf("query %d: %w", i+1, err)
			}
			sum[k] += took[k]
		}
		ratio := took[1].Seconds() / took[0].Seconds()
		ratios += math.Log(ratio)
		note := ""
		if !slices.Equal(answers[0], answers[1]) {
			note = "  ANSWERS DIFFER"
		}
		line(fmt.Sprintf("query %d", i+1), "%8.1f ms, PostgreSQL %9.1f ms, ratio %.2f%s",
			float64(took[0].Microseconds())/1e3, float64(took[1].Microseconds())/1e3, ratio, note)
	}
	line("all", "%.2f s, PostgreSQL %.2f s, ratio %.2f  %s", sum[0].Seconds(), sum[1].Seconds(),
		sum[1].Seconds()/sum[0].Seconds(), verdict(sum[0] <= sum[1]))
	line("geometric mean of the ratios", "%.2f", math.Exp(ratios/float64(len(tpchQueries))))
	return nil
}

// loadTPCH makes the tables and fills them.
func loadTPCH(ctx context.Context, c *pgx.Conn, scale float64) error {
	for i, t := range tpchTables {
		if _, err := c.Exec(ctx, fmt.Sprintf("CREATE TABLE %s (%s)", t.name, t.columns)); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		seed := uint64(i)
		if t.name == "lineitem" {
			seed-- // the lines of the same orders
		}
		var rows csvWriter
		t.rows(newTPCH(scale, seed), &rows)
		if _, err := c.PgConn().CopyFrom(ctx, &rows, "COPY "+t.name+" FROM STDIN WITH (FORMAT csv)"); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

// timed runs a query some times. It returns the median time and the rows of the last run in order.
func timed(ctx context.Context, c *pgx.Conn, sql string) (time.Duration, []string, error) {
	var times []time.Duration
	var rows []string
	for range tpchRuns + 1 { // the first warms up
		began := time.Now()
		results, err := c.PgConn().Exec(ctx, sql).ReadAll()
		if err = errors.Join(err, results[len(results)-1].Err); err != nil {
			return 0, nil, err
		}
		took := time.Since(began)
		rows = rows[:0]
		for _, r := range results[len(results)-1].Rows {
			var fields []string
			for _, f := range r {
				fields = append(fields, string(f))
			}
			rows = append(rows, strings.Join(fields, "|"))
		}
		slices.Sort(rows)
		if took > tpchSlow {
			return took, rows, nil
		}
		times = append(times, took)
	}
	return percentile(times[1:], 50), rows, nil
}
