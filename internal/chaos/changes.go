package chaos

import (
	"fmt"
	"maps"
	"slices"
)

// Changes adds up what a push query over a relation with a key gives.
type Changes struct {
	rows  map[string]string
	token string   // up to which they are in rows
	since []change // after it; they come again when the client asks SINCE token
	count int
}

type change struct{ op, key, row string }

// Take takes one change: op insert, update or delete, as WITH (OP, TOKEN) shows it. A token of "" says that the change
// is one of several that cannot be told apart.
func (c *Changes) Take(op, key, row, token string) error {
	c.since = append(c.since, change{op, key, row})
	if token == "" {
		return nil
	}
	return c.Progress(token)
}

// Progress takes the token of all changes so far.
func (c *Changes) Progress(token string) error {
	if c.rows == nil {
		c.rows = map[string]string{}
	}
	for _, ch := range c.since {
		if err := c.apply(ch); err != nil {
			return err
		}
	}
	c.token, c.since = token, nil
	return nil
}

func (c *Changes) apply(ch change) error {
	c.count++
	old, there := c.rows[ch.key]
	switch {
	case ch.op == "insert" && there:
		return fmt.Errorf("row %s was inserted as %s, and is there as %s", ch.key, ch.row, old)
	case ch.op == "update" && !there, ch.op == "delete" && !there:
		return fmt.Errorf("%s of row %s, which is not there", ch.op, ch.key)
	case ch.op == "delete":
		delete(c.rows, ch.key)
	default:
		c.rows[ch.key] = ch.row
	}
	return nil
}

// Again forgets what comes again when the client asks SINCE the token, which it returns; "" for the beginning.
func (c *Changes) Again() (token string) {
	c.since = nil
	return c.token
}

// Compare says how the sum differs from what is there.
func (c *Changes) Compare(want map[string]string) error {
	if maps.Equal(c.rows, want) {
		return nil
	}
	keys := map[string]bool{}
	for k := range c.rows {
		keys[k] = true
	}
	for k := range want {
		keys[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if c.rows[k] != want[k] {
			return fmt.Errorf("row %s is %q by %d changes, and %q by a pull query", k, c.rows[k], c.count, want[k])
		}
	}
	return nil
}
