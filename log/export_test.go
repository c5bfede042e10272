package log

// Inflate decompresses the records of a batch that holds nothing else.
func Inflate(codec Codec, packed []byte) ([]byte, error) {
	var f inflater
	var mem []byte
	h := Header{Attributes: int16(codec)}
	return f.records(&h, append(make([]byte, HeaderLen), packed...), &mem)
}
