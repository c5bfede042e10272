package log

import (
	"encoding/binary"
	"errors"
	"slices"
)

var errLZ4 = errors.New("malformed lz4 frame")

const (
	lz4Magic         = 0x184D2204
	lz4SkippableMask = 0xFFFFFFF0
	lz4Skippable     = 0x184D2A50
	lz4Stored        = 1 << 31
)

// unlz4 reads LZ4 frames (lz4_Frame_format.md), as Kafka's clients write them:
//
//	magic 4 | FLG 1 | BD 1 | [content size 8] | [dictionary 4] | HC 1 | blocks | 0 4 | [checksum 4]
//
// a block being its little-endian length (top bit: stored as it is), its bytes, and perhaps a checksum. Checksums are
// skipped: the CRC of the batch covers the frame.
func unlz4(dst, src []byte) ([]byte, error) {
	for len(src) > 0 {
		if len(src) < 7 {
			return nil, errLZ4
		}
		magic := binary.LittleEndian.Uint32(src)
		if magic&lz4SkippableMask == lz4Skippable {
			n := binary.LittleEndian.Uint32(src[4:])
			if len(src) < 8 || uint64(n) > uint64(len(src)-8) {
				return nil, errLZ4
			}
			src = src[8+n:]
			continue
		}
		flags := src[4]
		const version, hasSize, hasDict = 0x40, 0x08, 0x01
		if magic != lz4Magic || flags&0xC0 != version || flags&hasDict != 0 {
			return nil, errLZ4
		}
		head := 7
		if flags&hasSize != 0 {
			head += 8
		}
		if len(src) < head {
			return nil, errLZ4
		}
		var err error
		if dst, src, err = unlz4Blocks(dst, src[head:], flags); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func unlz4Blocks(dst, src []byte, flags byte) ([]byte, []byte, error) {
	const blockChecksum, contentChecksum = 0x10, 0x04
	window := len(dst)
	for {
		if len(src) < 4 {
			return nil, nil, errLZ4
		}
		size := binary.LittleEndian.Uint32(src)
		src = src[4:]
		if size == 0 {
			break
		}
		stored := size&lz4Stored != 0
		size &^= lz4Stored
		if uint64(size) > uint64(len(src)) {
			return nil, nil, errLZ4
		}
		if stored {
			dst = append(dst, src[:size]...)
		} else {
			var err error
			if dst, err = unlz4Block(dst, src[:size], window); err != nil {
				return nil, nil, err
			}
		}
		if len(dst) > maxInflated {
			return nil, nil, errInflated
		}
		src = src[size:]
		if flags&blockChecksum != 0 {
			if len(src) < 4 {
				return nil, nil, errLZ4
			}
			src = src[4:]
		}
	}
	if flags&contentChecksum != 0 {
		if len(src) < 4 {
			return nil, nil, errLZ4
		}
		src = src[4:]
	}
	return dst, src, nil
}

// unlz4Block appends what one block holds: sequences of literals and a match, which may reach back to dst[window].
func unlz4Block(dst, src []byte, window int) ([]byte, error) {
	for p := 0; p < len(src); {
		token := src[p]
		var n int
		if n, p = lz4Length(src, p+1, int(token>>4)); p < 0 || n > len(src)-p {
			return nil, errLZ4
		}
		dst = append(dst, src[p:p+n]...)
		if p += n; p == len(src) {
			return dst, nil
		}
		if len(src)-p < 2 {
			return nil, errLZ4
		}
		back := int(binary.LittleEndian.Uint16(src[p:]))
		if n, p = lz4Length(src, p+2, int(token&15)); p < 0 || back == 0 || back > len(dst)-window {
			return nil, errLZ4
		}
		n += 4
		if n > maxInflated-len(dst) {
			return nil, errInflated
		}
		dst = slices.Grow(dst, n)
		for from := len(dst) - back; n > 0; {
			chunk := min(n, len(dst)-from)
			dst = append(dst, dst[from:from+chunk]...)
			n -= chunk
		}
	}
	return nil, errLZ4
}

// lz4Length continues a length of 15 over the bytes that follow. The position is negative when they end.
func lz4Length(src []byte, p, n int) (int, int) {
	if n != 15 {
		return n, p
	}
	for p < len(src) {
		c := src[p]
		p++
		n += int(c)
		if c != 255 {
			return n, p
		}
	}
	return 0, -1
}
