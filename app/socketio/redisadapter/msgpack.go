package redisadapter

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// maxDepth is how deep arrays and maps may be nested in what a peer publishes.
const maxDepth = 260

// kind is what a MessagePack header announces.
type kind byte

const (
	kindNil kind = iota
	kindBool
	kindInt   // value.i
	kindUint  // value.u, above what an int64 holds
	kindFloat // value.f
	kindStr   // value.b
	kindBin   // value.b
	kindExt   // value.b and value.ext
	kindArray // value.n elements follow
	kindMap   // value.n pairs follow
)

// value is one MessagePack value, or the header of an array or map.
type value struct {
	kind kind
	ext  int8
	yes  bool
	n    int
	i    int64
	u    uint64
	f    float64
	b    []byte // aliases what is read
}

// reader reads MessagePack from bytes that a peer published. No length is
// believed before that many bytes are there, and an element takes at least one
// byte, so that what a message can make us allocate is bounded by its size.
type reader struct {
	b     []byte
	depth int
}

// take removes the next n bytes.
func (r *reader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.b)) {
		return nil, fmt.Errorf("%w: %d bytes announced, %d there", errMalformed, n, len(r.b))
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b, nil
}

// number removes a big-endian number of n bytes.
func (r *reader) number(n uint64) (uint64, error) {
	b, err := r.take(n)
	if err != nil {
		return 0, err
	}
	switch n {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(binary.BigEndian.Uint16(b)), nil
	case 4:
		return uint64(binary.BigEndian.Uint32(b)), nil
	}
	return binary.BigEndian.Uint64(b), nil
}

// next removes a scalar, or the header of an array or map.
func (r *reader) next() (value, error) {
	head, err := r.take(1)
	if err != nil {
		return value{}, err
	}
	c := head[0]
	switch {
	case c < 0x80:
		return value{kind: kindInt, i: int64(c)}, nil
	case c < 0x90:
		return r.container(kindMap, uint64(c&0x0f))
	case c < 0xa0:
		return r.container(kindArray, uint64(c&0x0f))
	case c < 0xc0:
		return r.bytes(kindStr, uint64(c&0x1f))
	case c >= 0xe0:
		return value{kind: kindInt, i: int64(int8(c))}, nil
	}
	switch c {
	case 0xc0:
		return value{kind: kindNil}, nil
	case 0xc2, 0xc3:
		return value{kind: kindBool, yes: c == 0xc3}, nil
	case 0xc4, 0xc5, 0xc6:
		return r.sized(kindBin, 1<<(c-0xc4))
	case 0xc7, 0xc8, 0xc9:
		n, err := r.number(1 << (c - 0xc7))
		if err != nil {
			return value{}, err
		}
		return r.extension(n)
	case 0xca:
		n, err := r.number(4)
		return value{kind: kindFloat, f: float64(math.Float32frombits(uint32(n)))}, err
	case 0xcb:
		n, err := r.number(8)
		return value{kind: kindFloat, f: math.Float64frombits(n)}, err
	case 0xcc, 0xcd, 0xce, 0xcf:
		n, err := r.number(1 << (c - 0xcc))
		if n > math.MaxInt64 {
			return value{kind: kindUint, u: n}, err
		}
		return value{kind: kindInt, i: int64(n)}, err
	case 0xd0, 0xd1, 0xd2, 0xd3:
		size := uint64(1) << (c - 0xd0)
		n, err := r.number(size)
		shift := 64 - 8*size // brings the sign to the top and back
		return value{kind: kindInt, i: int64(n<<shift) >> shift}, err
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return r.extension(1 << (c - 0xd4))
	case 0xd9, 0xda, 0xdb:
		return r.sized(kindStr, 1<<(c-0xd9))
	case 0xdc, 0xdd:
		n, err := r.number(2 << (c - 0xdc))
		if err != nil {
			return value{}, err
		}
		return r.container(kindArray, n)
	case 0xde, 0xdf:
		n, err := r.number(2 << (c - 0xde))
		if err != nil {
			return value{}, err
		}
		return r.container(kindMap, n)
	}
	return value{}, fmt.Errorf("%w: byte %#x", errMalformed, c) // 0xc1 only
}

// sized reads a string or binary whose length is a number of size bytes.
func (r *reader) sized(k kind, size uint64) (value, error) {
	n, err := r.number(size)
	if err != nil {
		return value{}, err
	}
	return r.bytes(k, n)
}

func (r *reader) bytes(k kind, n uint64) (value, error) {
	b, err := r.take(n)
	return value{kind: k, b: b}, err
}

func (r *reader) extension(n uint64) (value, error) {
	ext, err := r.number(1)
	if err != nil {
		return value{}, err
	}
	b, err := r.take(n)
	return value{kind: kindExt, ext: int8(ext), b: b}, err
}

func (r *reader) container(k kind, n uint64) (value, error) {
	least := n // bytes that the elements take at least
	if k == kindMap {
		least *= 2
	}
	if least > uint64(len(r.b)) {
		return value{}, fmt.Errorf("%w: %d elements announced in %d bytes", errMalformed, n, len(r.b))
	}
	return value{kind: k, n: int(n)}, nil
}

// enter is called before the elements of a container are read and leave after.
func (r *reader) enter() error {
	if r.depth++; r.depth > maxDepth {
		return fmt.Errorf("%w: nested deeper than %d", errMalformed, maxDepth)
	}
	return nil
}

func (r *reader) leave() { r.depth-- }

// skip removes one whole value, whatever it is, checking it on the way.
func (r *reader) skip() error {
	v, err := r.next()
	if err != nil {
		return err
	}
	n := v.n
	if v.kind == kindMap {
		n *= 2
	}
	if n == 0 {
		return nil
	}
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	for range n {
		if err := r.skip(); err != nil {
			return err
		}
	}
	return nil
}

// raw removes one whole value and returns its bytes.
func (r *reader) raw() ([]byte, error) {
	from := r.b
	if err := r.skip(); err != nil {
		return nil, err
	}
	n := len(from) - len(r.b)
	return from[:n:n], nil
}

// each removes a map and calls f at each of its values; f removes the value.
// A key that is no string is passed over with its value.
func (r *reader) each(f func(key string) error) error {
	v, err := r.next()
	if err != nil {
		return err
	}
	if v.kind != kindMap {
		return fmt.Errorf("%w: a map is due", errMalformed)
	}
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	for range v.n {
		if err := r.pair(f); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) pair(f func(key string) error) error {
	key, err := r.raw()
	if err != nil {
		return err
	}
	name, err := (&reader{b: key}).next()
	if err != nil {
		return err
	}
	if name.kind != kindStr {
		return r.skip()
	}
	return f(string(name.b))
}

// text removes a string. Invalid UTF-8 is replaced as JavaScript does.
func (r *reader) text() (string, error) {
	v, err := r.next()
	if err != nil {
		return "", err
	}
	if v.kind != kindStr {
		return "", fmt.Errorf("%w: a string is due", errMalformed)
	}
	return validText(v.b), nil
}

func validText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return string([]rune(string(b)))
}
