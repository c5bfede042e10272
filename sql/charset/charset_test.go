package charset

import (
	"testing"

	"github.com/leatdb/leat/sql/sqlerr"
)

func TestCanonical(t *testing.T) {
	for name, want := range map[string]string{"utf-8": UTF8, "Unicode": UTF8, "latin1": "LATIN1", "ISO-8859-15": "LATIN9",
		"windows-1252": "WIN1252", "WIN1251": "WIN1251", "koi8-r": "KOI8R", "Shift_JIS": "SJIS", "sql_ascii": "SQL_ASCII"} {
		if got, ok := Canonical(name); !ok || got != want {
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
	if got, ok := Canonical("latin99"); ok {
		t.Errorf("latin99 is %s", got)
	}
	for name := range charsets {
		if got, ok := Canonical(name); !ok || got != name {
			t.Errorf("%s is %q", name, got)
		}
	}
}

func TestConvert(t *testing.T) {
	for name, text := range map[string]string{"LATIN1": "é à", "KOI8R": "привет", "SJIS": "日本語", "EUC_KR": "한국", "GB18030": "中文€"} {
		c := Lookup(name)
		coded, err := c.Encode([]byte(text))
		if err != nil {
			t.Fatal(name, err)
		}
		if back, err := c.Decode(coded); err != nil || string(back) != text {
			t.Errorf("%s: %q, %v", name, back, err)
		}
		d, got := c.NewDecoder(), ""
		for i := range coded {
			piece, err := d.Next(coded[i:i+1], false)
			if err != nil {
				t.Fatal(name, err)
			}
			got += string(piece)
		}
		if got != text {
			t.Errorf("%s in pieces: %q", name, got)
		}
	}
	_, err := Lookup("LATIN1").Encode([]byte("a€"))
	if sqlerr.From(err).Code != sqlerr.UntranslatableCharacter {
		t.Error(err)
	}
	if _, err := Lookup("EUC_JP").Decode([]byte{'a', 0xff}); sqlerr.From(err).Code != sqlerr.CharacterNotInRepertoire {
		t.Error(err)
	}
	if s := Lookup("LATIN1").EncodeLossy("é€"); s != "\xe9?" {
		t.Errorf("%q", s)
	}
	if c := Lookup(UTF8); c != nil || c.EncodeLossy("€") != "€" || c.NewDecoder() != nil {
		t.Error("UTF-8 is converted")
	}
}
