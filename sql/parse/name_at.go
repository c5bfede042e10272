package parse

// NameAt tells where the parts of the perhaps qualified name at a place of a text begin and end; nil where none is.
func NameAt(text string, pos int) (parts [][2]int) {
	toks := lex(text)
	for i := range toks {
		if int(toks[i].off) != pos {
			continue
		}
		for toks[i].name() {
			parts = append(parts, [2]int{int(toks[i].off), int(toks[i].end)})
			if i+2 >= len(toks) || !toks[i+1].punct(".") {
				break
			}
			i += 2
		}
		return parts
	}
	return nil
}
