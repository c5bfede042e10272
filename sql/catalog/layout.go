package catalog

// KeyColumns returns the positions of the columns that the key format of a record's key holds: Key without the bounds
// of a window, which stand after it in a form of their own.
func (r *Relation) KeyColumns() []int {
	if r.Windowed {
		return r.Key[:len(r.Key)-2]
	}
	return r.Key
}

// Bounds returns the positions of the bounds of the windows of a windowed relation.
func (r *Relation) Bounds() (start, end int, ok bool) {
	if n := len(r.Key); r.Windowed && n >= 2 {
		return r.Key[n-2], r.Key[n-1], true
	}
	return -1, -1, false
}

// ValueColumns returns the positions of the columns in a record's value: those that neither the key nor headers hold.
// The bounds of windows are among them under another name than their own, as in ksqlDB.
func (r *Relation) ValueColumns() []int {
	elsewhere := make([]bool, len(r.Columns))
	for _, pos := range r.KeyColumns() {
		elsewhere[pos] = r.KeyFormat != "NONE"
	}
	if start, end, ok := r.Bounds(); ok {
		elsewhere[start] = r.Columns[start].Name == "windowstart"
		elsewhere[end] = r.Columns[end].Name == "windowend"
	}
	var out []int
	for pos, c := range r.Columns {
		if !elsewhere[pos] && !c.Headers {
			out = append(out, pos)
		}
	}
	return out
}
