package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	day         = 24 * 60 * 60 // seconds
	flightsFile = "flights-20k.json"
)

// flight is a record of the file: when it left, and the JSON as it stands there.
type flight struct {
	at   time.Time
	json []byte
}

// readFlights reads the file and puts its flights into the order in which they left.
func readFlights(dir string) ([]flight, error) {
	path := filepath.Join(dir, flightsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	flights := make([]flight, len(raw))
	for i, r := range raw {
		var f struct{ Date string }
		if err := json.Unmarshal(r, &f); err != nil {
			return nil, fmt.Errorf("%s, flight %d: %w", path, i+1, err)
		}
		at, err := time.Parse("2006/01/02 15:04", f.Date)
		if err != nil {
			return nil, fmt.Errorf("%s, flight %d: %w", path, i+1, err)
		}
		flights[i] = flight{at, r}
	}
	if len(flights) == 0 {
		return nil, fmt.Errorf("%s has no flights", path)
	}
	slices.SortStableFunc(flights, func(a, b flight) int { return a.at.Compare(b.at) })
	return flights, nil
}
