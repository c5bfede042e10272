package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// feature is an earthquake of the file.
type feature struct {
	ID         string
	Properties struct {
		Mag   *float64
		Place string
		Time  int64
	}
	Geometry struct{ Coordinates []float64 }
}

// TestEarthquakes copies nested JSON as it came into streams with nested columns: the file, which is one object with an
// array of earthquakes, and then the earthquakes.
func TestEarthquakes(t *testing.T) {
	text, err := os.ReadFile("../../testdata/earthquakes.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Features []json.RawMessage }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var strongest feature
	var known, deep int64
	for _, raw := range file.Features {
		var f feature
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatal(err)
		}
		if f.Geometry.Coordinates[2] > 100 {
			deep++
		}
		if f.Properties.Mag == nil {
			continue
		}
		if known++; strongest.Properties.Mag == nil || *f.Properties.Mag > *strongest.Properties.Mag {
			strongest = f
		}
	}
	conn := serve(t, t.TempDir()).connect()
	execute(t, conn, `CREATE STREAM files (type text, metadata STRUCT<title text, count int>,
			features ARRAY<STRUCT<id text>>);
		CREATE STREAM quakes (id text, geometry STRUCT<coordinates ARRAY<double precision>>,
			properties STRUCT<mag double precision, place text, time bigint>);
		CREATE MATERIALIZED VIEW depths AS SELECT geometry->coordinates[3] > 100 AS deep, count(*) AS n,
			count(properties->mag) AS known FROM quakes GROUP BY 1`)
	for sql, data := range map[string][]byte{
		"COPY files FROM STDIN WITH (FORMAT json)":  text,
		"COPY quakes FROM STDIN WITH (FORMAT json)": bytes.Join(rawLines(file.Features), []byte("\n")),
	} {
		if _, err := conn.PgConn().CopyFrom(t.Context(), bytes.NewReader(data), sql); err != nil {
			t.Fatalf("%s\n%v", sql, err)
		}
	}
	all := int64(len(file.Features))
	for _, x := range []struct {
		sql  string
		want int64
	}{
		{"SELECT metadata->count FROM files", all},
		{"SELECT cardinality(features) FROM files WHERE features[1]->id IS NOT NULL", all},
		{"SELECT count(*) FROM quakes", all},
		{"SELECT n FROM depths WHERE deep", deep},
		{"SELECT sum(known)::bigint FROM depths", known},
		{"SELECT properties->time FROM quakes ORDER BY properties->mag DESC NULLS LAST LIMIT 1", strongest.Properties.Time},
		{"SELECT count(*) FROM leat_catalog.errors", 0},
	} {
		var got int64
		if err := conn.QueryRow(t.Context(), x.sql).Scan(&got); err != nil || got != x.want {
			t.Errorf("%s: %d, %v; want %d", x.sql, got, err, x.want)
		}
	}
	var place string
	var lon float64
	sql := "SELECT properties->place, geometry->coordinates[1] FROM quakes WHERE id = $1"
	err = conn.QueryRow(t.Context(), sql, strongest.ID).Scan(&place, &lon)
	if err != nil || place != strongest.Properties.Place || lon != strongest.Geometry.Coordinates[0] {
		t.Errorf("%q, %v, %v; want %+v", place, lon, err, strongest)
	}
}

func rawLines(raw []json.RawMessage) [][]byte {
	var out [][]byte
	for _, r := range raw {
		out = append(out, r)
	}
	return out
}
