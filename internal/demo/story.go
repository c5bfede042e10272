package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The statements of the demo, in order.
const (
	createAirports = `CREATE TABLE airports (iata text PRIMARY KEY, name text, city text, state text, country text,
                       latitude double precision, longitude double precision);`
	copyAirports  = `COPY airports FROM STDIN WITH (FORMAT csv, HEADER true);`
	createFlights = `CREATE STREAM flights (date timestamp, delay int, distance int, origin text, destination text)
  WITH (timestamp = 'date');`
	createHours = `CREATE TABLE departures AS
  SELECT origin, count(*) AS flights, round(avg(delay), 1) AS avg_delay
  FROM flights WINDOW TUMBLING (SIZE 1 HOUR)
  GROUP BY origin;`
	createCities = `CREATE MATERIALIZED VIEW city_delays AS
  SELECT a.city, a.state, count(*) AS flights, round(avg(f.delay), 1) AS avg_delay, max(f.delay) AS worst
  FROM flights f JOIN airports a ON f.origin = a.iata
  GROUP BY a.city, a.state;`
	createWorst = `CREATE MATERIALIZED VIEW worst_delays AS
  SELECT f.date, o.city AS origin, d.city AS destination, f.delay
  FROM flights f JOIN airports o ON f.origin = o.iata JOIN airports d ON f.destination = d.iata
  ORDER BY f.delay DESC, f.date LIMIT 5;`
	copyFlights = `COPY flights FROM STDIN WITH (FORMAT json)`
	followCity  = `SELECT city, state, flights, avg_delay::float8, worst FROM city_delays EMIT CHANGES`
)

// answers are the questions asked when the last flight has left.
var answers = []struct{ title, sql string }{
	{"The busiest cities (city_delays)",
		`SELECT city, state, flights, avg_delay, worst FROM city_delays ORDER BY flights DESC, city LIMIT 10`},
	{"The busiest hours of an airport (departures)",
		`SELECT to_char(window_start, 'YYYY-MM-DD HH24:MI') AS hour, origin, flights, avg_delay FROM departures
		 ORDER BY flights DESC, window_start, origin LIMIT 5`},
	{"The longest delays (worst_delays)",
		`SELECT to_char(date, 'YYYY-MM-DD HH24:MI') AS date, origin, destination, delay FROM worst_delays
		 ORDER BY delay DESC, date`},
}

// tries are statements for whoever has watched. They work as they are, in this order.
var tries = []struct{ why, sql string }{
	{"a view is read like a table, and has every flight that was acknowledged before",
		"SELECT * FROM city_delays WHERE city = 'Boston';"},
	{"a question of your own, over the stream",
		"SELECT origin, destination, count(*), avg(delay) FROM flights GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 5;"},
	{"a live answer: leave it running and insert the flight below from another psql; Ctrl-C ends it",
		"COPY (SELECT city, state, flights, worst FROM city_delays WHERE state = 'AK' EMIT CHANGES) TO STDOUT;"},
	{"the flight to insert",
		"INSERT INTO flights VALUES ('2001-04-01 09:00', 600, 2399, 'ANC', 'HNL');"},
	{"what runs",
		"SHOW QUERIES;"},
}

// setUp makes the relations and loads the airports, and writes down what it did.
func setUp(ctx context.Context, conn *pgx.Conn, dir string, w io.Writer) error {
	exec := func(sql string) error {
		fmt.Fprintln(w, indent(sql))
		_, err := conn.Exec(ctx, sql)
		return explain(sql, err)
	}
	if err := exec(createAirports); err != nil {
		return err
	}
	file, err := os.Open(filepath.Join(dir, "airports.csv"))
	if err != nil {
		return err
	}
	defer file.Close()
	tag, err := conn.PgConn().CopyFrom(ctx, file, copyAirports)
	if err != nil {
		return explain(copyAirports, err)
	}
	fmt.Fprintf(w, "%s  -- %d rows\n", indent(copyAirports), tag.RowsAffected())
	for _, sql := range []string{createFlights, createHours, createCities, createWorst} {
		if err := exec(sql); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	return nil
}

func explain(sql string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s\n%w", sql, err)
}

func indent(sql string) string { return "  " + strings.ReplaceAll(sql, "\n", "\n  ") }

// report prints how the replay went and the final answers.
func report(ctx context.Context, conn *pgx.Conn, r *replay, w io.Writer) error {
	p := r.progress()
	fmt.Fprintf(w, "%d flights of %s to %s replayed in %s; every view has them all.\n\n", p.sent,
		p.first.Format(time.DateOnly), p.last.Format(time.DateOnly), p.took.Round(time.Millisecond))
	for _, a := range answers {
		fmt.Fprintln(w, a.title)
		if err := printTable(ctx, conn, a.sql, w); err != nil {
			return explain(a.sql, err)
		}
		fmt.Fprintln(w)
	}
	return nil
}

// printTable runs a query and prints its rows in columns, numbers to the right.
func printTable(ctx context.Context, conn *pgx.Conn, sql string, w io.Writer) error {
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return err
	}
	fields := results[0].FieldDescriptions
	width := make([]int, len(fields))
	cells := [][]string{nil}
	for _, f := range fields {
		cells[0] = append(cells[0], f.Name)
	}
	for _, row := range results[0].Rows {
		var line []string
		for _, v := range row {
			line = append(line, string(v))
		}
		cells = append(cells, line)
	}
	for _, line := range cells {
		for i, v := range line {
			width[i] = max(width[i], len(v))
		}
	}
	for _, line := range cells {
		var b strings.Builder
		for i, v := range line {
			if fields[i].DataTypeOID != pgText {
				fmt.Fprintf(&b, "  %*s", width[i], v)
			} else {
				fmt.Fprintf(&b, "  %-*s", width[i], v)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	return nil
}

// pgText is the OID of PostgreSQL's type text.
const pgText = 25
