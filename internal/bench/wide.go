package main

import (
	"fmt"
	"strings"
)

// wide measures a query that lets one record in a hundred through, of twenty fields: with all of each decoded, and with
// no more than the condition needs of those that are not let through.
func (b *bench) wide() error {
	const fields = 18
	cols := "id int, level int"
	for i := range fields {
		cols += fmt.Sprintf(", c%d %s", i, []string{"text", "int", "double precision"}[i%3])
	}
	var data strings.Builder
	for n := range b.rows / 4 {
		fmt.Fprintf(&data, `{"id":%d,"level":%d`, n, n*7919%100)
		for i := range fields {
			fmt.Fprintf(&data, []string{`,"c%d":"some text %d"`, `,"c%d":%d`, `,"c%d":%d.25`}[i%3], i, n*(i+1)%100_000)
		}
		data.WriteString("}\n")
	}
	of := feed{"CREATE STREAM wide (" + cols + ")", "wide", []byte(data.String()), b.rows / 4}
	for _, rule := range []string{"", "early_filters"} {
		line([]string{"decoded as far as needed", "all decoded, without early_filters"}[min(len(rule), 1)], "")
		err := b.catchUp("wide"+rule, 0, of, "SET leat.disable_rules = '"+rule+"'",
			"CREATE MATERIALIZED VIEW out AS SELECT * FROM wide WHERE level = 7")
		if err != nil {
			return err
		}
	}
	return nil
}
