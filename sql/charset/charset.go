// Package charset converts between UTF-8, which everything in Leat is in, and the character sets that clients may ask
// for with client_encoding, by PostgreSQL's names for them (https://www.postgresql.org/docs/15/multibyte.html).
package charset

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/transform"

	"github.com/leatdb/leat/sql/sqlerr"
)

// UTF8 is PostgreSQL's name for UTF-8.
const UTF8 = "UTF8"

// Charset is a character set other than UTF-8.
type Charset struct {
	Name   string
	coding encoding.Encoding
}

// charsets are the character sets by their names; nil for those in which nothing is converted.
var charsets = map[string]encoding.Encoding{
	UTF8: nil, "SQL_ASCII": nil,
	"LATIN1": charmap.ISO8859_1, "LATIN2": charmap.ISO8859_2, "LATIN3": charmap.ISO8859_3, "LATIN4": charmap.ISO8859_4,
	"LATIN5": charmap.ISO8859_9, "LATIN6": charmap.ISO8859_10, "LATIN7": charmap.ISO8859_13,
	"LATIN8": charmap.ISO8859_14, "LATIN9": charmap.ISO8859_15, "LATIN10": charmap.ISO8859_16,
	"ISO_8859_5": charmap.ISO8859_5, "ISO_8859_6": charmap.ISO8859_6, "ISO_8859_7": charmap.ISO8859_7,
	"ISO_8859_8": charmap.ISO8859_8,
	"WIN866":     charmap.CodePage866, "WIN874": charmap.Windows874, "WIN1250": charmap.Windows1250,
	"WIN1251": charmap.Windows1251, "WIN1252": charmap.Windows1252, "WIN1253": charmap.Windows1253,
	"WIN1254": charmap.Windows1254, "WIN1255": charmap.Windows1255, "WIN1256": charmap.Windows1256,
	"WIN1257": charmap.Windows1257, "WIN1258": charmap.Windows1258, "KOI8R": charmap.KOI8R, "KOI8U": charmap.KOI8U,
	"EUC_JP": japanese.EUCJP, "SJIS": japanese.ShiftJIS, "EUC_KR": korean.EUCKR, "UHC": korean.EUCKR,
	"GBK": simplifiedchinese.GBK, "GB18030": simplifiedchinese.GB18030, "EUC_CN": simplifiedchinese.GBK,
	"BIG5": traditionalchinese.Big5,
}

// aliases are further names, of which only letters and digits count.
var aliases = map[string]string{
	"unicode": UTF8, "iso88591": "LATIN1", "iso88592": "LATIN2", "iso88593": "LATIN3", "iso88594": "LATIN4",
	"iso88599": "LATIN5", "iso885910": "LATIN6", "iso885913": "LATIN7", "iso885914": "LATIN8", "iso885915": "LATIN9",
	"iso885916": "LATIN10", "koi8": "KOI8R", "win": "WIN1251", "alt": "WIN866", "tcvn": "WIN1258", "vscii": "WIN1258",
	"abc": "WIN1258", "mskanji": "SJIS", "shiftjis": "SJIS", "win932": "SJIS", "windows932": "SJIS", "win936": "GBK",
	"windows936": "GBK", "win949": "UHC", "windows949": "UHC", "win950": "BIG5", "windows950": "BIG5",
}

// bare keeps the letters and digits of a name, in small letters.
func bare(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}

// Canonical returns PostgreSQL's name of the character set that a client names in its own way.
func Canonical(name string) (string, bool) {
	b := bare(name)
	if c, ok := aliases[b]; ok {
		return c, true
	}
	b = strings.Replace(b, "windows", "win", 1)
	for c := range charsets {
		if bare(c) == b {
			return c, true
		}
	}
	return "", false
}

// Lookup returns the character set of a canonical name; nil where nothing is to be converted.
func Lookup(name string) *Charset {
	if coding := charsets[name]; coding != nil {
		return &Charset{name, coding}
	}
	return nil
}

// Decode returns text of the character set in UTF-8. A nil Charset returns what it is given.
func (c *Charset) Decode(text []byte) ([]byte, error) {
	if c == nil || ascii(text) {
		return text, nil
	}
	out, err := c.coding.NewDecoder().Bytes(text)
	if err != nil || bytes.ContainsRune(out, utf8.RuneError) {
		return nil, sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"%s\"", c.Name)
	}
	return out, nil
}

// Encode returns text in UTF-8 in the character set.
func (c *Charset) Encode(text []byte) ([]byte, error) {
	if c == nil || ascii(text) {
		return text, nil
	}
	out, err := c.coding.NewEncoder().Bytes(text)
	if err == nil {
		return out, nil
	}
	for rest := text; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if _, err := c.coding.NewEncoder().String(string(r)); err != nil {
			var hex []string
			for _, b := range rest[:n] {
				hex = append(hex, fmt.Sprintf("0x%02x", b))
			}
			return nil, sqlerr.New(sqlerr.UntranslatableCharacter,
				"character with byte sequence %s in encoding \"UTF8\" has no equivalent in encoding \"%s\"",
				strings.Join(hex, " "), c.Name)
		}
		rest = rest[n:]
	}
	return out, err
}

// EncodeLossy is Encode with question marks for what the character set does not have: for messages, which must not
// fail.
func (c *Charset) EncodeLossy(text string) string {
	if c == nil || ascii([]byte(text)) {
		return text
	}
	out, err := encoding.ReplaceUnsupported(c.coding.NewEncoder()).String(text)
	if err != nil {
		return strings.ToValidUTF8(text, "?")
	}
	return strings.ReplaceAll(out, "\x1a", "?")
}

func ascii(text []byte) bool {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Decoder decodes a text that comes in pieces, which may end in the middle of a character.
type Decoder struct {
	set  *Charset
	t    transform.Transformer
	rest []byte
	out  []byte
}

// NewDecoder returns a decoder; nil for a nil Charset.
func (c *Charset) NewDecoder() *Decoder {
	if c == nil {
		return nil
	}
	return &Decoder{set: c, t: c.coding.NewDecoder()}
}

// Next decodes a piece; last says that it is the last one. The result is valid until the next call.
func (d *Decoder) Next(piece []byte, last bool) ([]byte, error) {
	if d == nil {
		return piece, nil
	}
	src := piece
	if len(d.rest) > 0 {
		d.rest = append(d.rest, piece...)
		src = d.rest
	}
	d.out = d.out[:0]
	for {
		if cap(d.out)-len(d.out) < 3*len(src)+utf8.UTFMax {
			d.out = append(make([]byte, 0, len(d.out)+3*len(src)+utf8.UTFMax), d.out...)
		}
		n, used, err := d.t.Transform(d.out[len(d.out):cap(d.out)], src, last)
		d.out, src = d.out[:len(d.out)+n], src[used:]
		if errors.Is(err, transform.ErrShortDst) {
			continue
		}
		if err != nil && !errors.Is(err, transform.ErrShortSrc) || bytes.ContainsRune(d.out, utf8.RuneError) {
			return nil, sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"%s\"", d.set.Name)
		}
		d.rest = append(d.rest[:0], src...)
		return d.out, nil
	}
}
