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

// Token is a place in the history of some partitions, between two steps: a query asked there has taken in each of them
// up to an offset. It names partitions by their numbers, which are never used again, so it stays good across restarts
// and is refused once a topic is gone. Clients keep it as text.
//
//	version (1, now 1) | for each partition, by number: number, from, to (uvarints) | CRC-32C of all before (4)
//
// in URL-safe base64 without padding. from is where the query began to read a stream: 0 unless it began later than with
// the first record.
type Token struct{ stretches []stretch }

// stretch is what a query has taken in of a partition.
type stretch struct {
	part     cluster.PartitionID
	from, to int64
}

const tokenVersion = 1

var (
	tokenText  = base64.RawURLEncoding.Strict()
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// newToken makes a token of stretches in any order; of a partition that is named twice the first counts.
func newToken(stretches []stretch) Token {
	slices.SortStableFunc(stretches, func(a, b stretch) int { return cmp.Compare(a.part, b.part) })
	return Token{slices.CompactFunc(stretches, func(a, b stretch) bool { return a.part == b.part })}
}

// String gives the token as clients keep it.
func (t Token) String() string {
	b := []byte{tokenVersion}
	for _, s := range t.stretches {
		b = binary.AppendUvarint(b, uint64(s.part))
		b = binary.AppendUvarint(b, uint64(s.from))
		b = binary.AppendUvarint(b, uint64(s.to))
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return tokenText.EncodeToString(b)
}

// ParseToken reads a token as clients keep it.
func ParseToken(text string) (Token, error) {
	wrong := sqlerr.New(sqlerr.InvalidParameterValue, "%q is not a token", text).
		WithHint("Tokens come with the rows of EMIT CHANGES WITH (TOKEN), and from leat_catalog.token.")
	b, err := tokenText.DecodeString(text)
	if err != nil || len(b) < 5 || b[0] != tokenVersion {
		return Token{}, wrong
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return Token{}, wrong
	}
	var t Token
	for body = body[1:]; len(body) > 0; {
		var v [3]uint64
		for i := range v {
			n := 0
			if v[i], n = binary.Uvarint(body); n <= 0 || v[i] > 1<<62 {
				return Token{}, wrong
			}
			body = body[n:]
		}
		t.stretches = append(t.stretches, stretch{cluster.PartitionID(v[0]), int64(v[1]), int64(v[2])})
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
