package engine

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/sqlerr"
)

// Token is a place in the history of some partitions: between two steps, or for a push query that was left within one
// also behind some rows of a step. It names partitions by their numbers, which are never used again, so it stays good
// across restarts and is refused once a topic is gone. Clients keep it as text.
//
//	version (1, now 1) | flags (1, bit 0: first) | rows (uvarint)
//	for each partition, by number: number, from, to, more (uvarints)
//	CRC-32C of all before (4)
//
// in URL-safe base64 without padding.
type Token struct {
	stretches []stretch
	// rows are how many rows the client has of the step that goes from where the stretches end to where they end with
	// more.
	rows int64
	// first tells that this step is the query's first, which begins with the rows of tables and views.
	first bool
}

// stretch is what a query has taken in of a partition. from is where it began to read a stream: 0 unless it began later
// than with the first record.
type stretch struct {
	part           cluster.PartitionID
	from, to, more int64
}

// end is where the step ends that the token is in.
func (s stretch) end() int64 { return s.to + s.more }

const (
	tokenVersion = 1
	tokenFirst   = 1 // flag
)

var (
	tokenText  = base64.RawURLEncoding.Strict()
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// newToken makes a token of stretches in any order; of a partition that is named twice the first counts.
func newToken(stretches []stretch) Token {
	slices.SortStableFunc(stretches, func(a, b stretch) int { return cmp.Compare(a.part, b.part) })
	return Token{stretches: slices.CompactFunc(stretches, func(a, b stretch) bool { return a.part == b.part })}
}

// String gives the token as clients keep it.
func (t Token) String() string {
	b := []byte{tokenVersion, 0}
	if t.first {
		b[1] = tokenFirst
	}
	b = binary.AppendUvarint(b, uint64(t.rows))
	for _, s := range t.stretches {
		b = binary.AppendUvarint(b, uint64(s.part))
		b = binary.AppendUvarint(b, uint64(s.from))
		b = binary.AppendUvarint(b, uint64(s.to))
		b = binary.AppendUvarint(b, uint64(s.more))
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return tokenText.EncodeToString(b)
}

// ParseToken reads a token as clients keep it.
func ParseToken(text string) (Token, error) {
	wrong := sqlerr.New(sqlerr.InvalidParameterValue, "%q is not a token", text).
		WithHint("Tokens come with the rows of EMIT CHANGES WITH (TOKEN), and from leat_catalog.token.")
	b, err := tokenText.DecodeString(text)
	if err != nil || len(b) < 7 || b[0] != tokenVersion || b[1] > tokenFirst {
		return Token{}, wrong
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return Token{}, wrong
	}
	t := Token{first: b[1] == tokenFirst}
	body = body[2:]
	number := func() int64 {
		v, n := binary.Uvarint(body)
		if n <= 0 || v > 1<<60 {
			err, body = wrong, nil
			return 0
		}
		body = body[n:]
		return int64(v)
	}
	for t.rows = number(); len(body) > 0; {
		t.stretches = append(t.stretches, stretch{cluster.PartitionID(number()), number(), number(), number()})
	}
	if err != nil {
		return Token{}, err
	}
	if !slices.IsSortedFunc(t.stretches, func(a, b stretch) int { return cmp.Compare(a.part, b.part) }) {
		return Token{}, wrong
	}
	return t, nil
}

// stretch finds what the token says of a partition.
func (t Token) stretch(id cluster.PartitionID) (stretch, bool) {
	i, ok := slices.BinarySearchFunc(t.stretches, id, func(s stretch, id cluster.PartitionID) int {
		return cmp.Compare(s.part, id)
	})
	if !ok {
		return stretch{}, false
	}
	return t.stretches[i], true
}
