package fn

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// ksqlURLDecls declares what takes URLs apart. What is no URL gives NULL, and so does a part that is not there.
func ksqlURLDecls() []Scalar {
	text := types.Text
	fs := []Scalar{
		{Name: "url_encode_param", Args: in(text), Ret: text, Strict: true, Kernel: rowwise(urlEncode),
			Doc: Doc{Category: "url", Summary: "Escapes a text for use in a URL's query.",
				Examples: ex("url_encode_param('?foo $bar')", "%3Ffoo+%24bar")}},
		{Name: "url_decode_param", Args: in(text), Ret: text, Strict: true, Kernel: rowwise(urlDecode),
			Doc: Doc{Summary: "Takes the escapes of a URL's query away.",
				Examples: ex("url_decode_param('url%20encoded')", "url encoded")}},
		{Name: "url_extract_parameter", Args: in(text, text), Ret: text, Strict: true, Kernel: rowwise(urlParameter),
			Doc: Doc{Summary: "Gives a parameter of a URL's query.",
				Examples: ex("url_extract_parameter('https://a.io?a%20b=c%20d', 'a b')", "c d")}},
		{Name: "url_extract_port", Args: in(text), Ret: types.Int4, Strict: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				if u := readURL(r.Bytes(0)); u == nil {
					out.AppendNull()
				} else if port, err := strconv.ParseUint(u.Port(), 10, 16); err != nil {
					out.AppendNull()
				} else {
					out.AppendInt(int64(port))
				}
				return nil
			}), Doc: Doc{Summary: "Gives the port of a URL.",
				Examples: ex("url_extract_port('http://a.io:8080/path')", "8080")}},
	}
	for _, d := range []struct {
		name, summary, want string
		part                func(u *url.URL) string
	}{
		{"url_extract_protocol", "Gives the protocol of a URL.", "https", func(u *url.URL) string { return u.Scheme }},
		{"url_extract_host", "Gives the host of a URL.", "a.io", (*url.URL).Hostname},
		{"url_extract_path", "Gives the path of a URL, without its escapes.", "/x y",
			func(u *url.URL) string { return u.Path }},
		{"url_extract_query", "Gives the query of a URL, without its escapes.", "q=1", func(u *url.URL) string {
			return unescape(u.RawQuery)
		}},
		{"url_extract_fragment", "Gives the fragment of a URL, without its escapes.", "end",
			func(u *url.URL) string { return u.Fragment }},
	} {
		fs = append(fs, Scalar{Name: d.name, Args: in(text), Ret: text, Strict: true,
			Kernel: rowwise(urlPart(d.part, d.name == "url_extract_path")),
			Doc:    Doc{Summary: d.summary, Examples: ex(d.name+"('https://a.io:80/x%20y?q=1#end')", d.want)}})
	}
	return fs
}

// readURL returns nil for what is no URL.
func readURL(s []byte) *url.URL {
	u, err := url.Parse(string(s))
	if err != nil {
		return nil
	}
	return u
}

// urlPart gives a part of a URL; empty tells that every URL with a host has it, if only as an empty text.
func urlPart(part func(u *url.URL) string, empty bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		u := readURL(r.Bytes(0))
		if u == nil {
			out.AppendNull()
			return nil
		}
		s := part(u)
		if s == "" && !(empty && u.Host != "") {
			out.AppendNull()
		} else {
			out.AppendString(s)
		}
		return nil
	}
}

// unescape takes percent escapes away; what is none stays.
func unescape(s string) string {
	if t, err := url.PathUnescape(s); err == nil {
		return t
	}
	return s
}

func urlParameter(r Row, out *vec.Column) error {
	if u := readURL(r.Bytes(0)); u != nil {
		for _, pair := range strings.Split(u.RawQuery, "&") {
			key, val, given := strings.Cut(pair, "=")
			if given && unescape(key) == r.Text(1) {
				out.AppendString(unescape(val))
				return nil
			}
		}
	}
	out.AppendNull()
	return nil
}

// urlEncode escapes as Java's URLEncoder does: a blank becomes a plus.
func urlEncode(r Row, out *vec.Column) error {
	out.AppendString(strings.NewReplacer("%2A", "*", "~", "%7E").Replace(url.QueryEscape(r.Text(0))))
	return nil
}

func urlDecode(r Row, out *vec.Column) error {
	if s, err := url.QueryUnescape(r.Text(0)); err != nil {
		out.AppendNull()
	} else {
		out.AppendString(s)
	}
	return nil
}
