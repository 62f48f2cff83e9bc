package redisadapter

import (
	"fmt"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"
)

// maxDepth limits the nesting of arrays and maps that are converted.
const maxDepth = 260

// reader decodes MessagePack that another server published. msgp decodes the
// single values. No array or map may announce more elements than there are bytes
// left, so memory is bounded by the size of the message. All errors wrap
// errMalformed.
type reader struct {
	b []byte // not decoded yet
}

// read decodes one value by a function of msgp.
func read[T any](r *reader, decode func([]byte) (T, []byte, error)) (T, error) {
	v, rest, err := decode(r.b)
	if err != nil {
		return v, fmt.Errorf("%w: %w", errMalformed, err)
	}
	r.b = rest
	return v, nil
}

// next returns the type of the next value. Numbers are Int, Uint or Float64,
// extensions of any type are Extension. It is Invalid at the end and for a byte
// that begins no value.
func (r *reader) next() msgp.Type {
	switch t := msgp.NextType(r.b); t {
	case msgp.Float32Type:
		return msgp.Float64Type
	case msgp.TimeType, msgp.Complex64Type, msgp.Complex128Type:
		return msgp.ExtensionType
	default:
		return t
	}
}

// errUnexpected reports that the next value has the wrong type.
func (r *reader) errUnexpected(want string) error {
	return fmt.Errorf("%w: %v instead of %s", errMalformed, r.next(), want)
}

// arrayHeader decodes the header of an array and returns the number of elements.
func (r *reader) arrayHeader() (int, error) {
	n, err := read(r, msgp.ReadArrayHeaderBytes)
	return r.checkLength(n, 1, err)
}

// mapHeader decodes the header of a map and returns the number of pairs.
func (r *reader) mapHeader() (int, error) {
	n, err := read(r, msgp.ReadMapHeaderBytes)
	return r.checkLength(n, 2, err)
}

// checkLength rejects a container of n elements, of size bytes or more each, that
// cannot be complete.
func (r *reader) checkLength(n uint32, size int, err error) (int, error) {
	if err == nil && int64(n)*int64(size) > int64(len(r.b)) {
		err = fmt.Errorf("%w: %d elements announced in %d bytes", errMalformed, n, len(r.b))
	}
	return int(n), err
}

// extension decodes an extension. data aliases the message.
func (r *reader) extension() (kind int8, data []byte, err error) {
	header := 2 // the fixed sizes: a prefix and the type
	switch r.b[0] {
	case 0xc7:
		header = 3
	case 0xc8:
		header = 4
	case 0xc9:
		header = 6
	}
	b, err := r.raw()
	if err != nil {
		return 0, nil, err
	}
	return int8(b[header-1]), b[header:], nil
}

// skip validates and discards one value of any type.
func (r *reader) skip() error {
	_, err := r.raw()
	return err
}

// raw validates one value of any type and returns its bytes, which alias the
// message.
func (r *reader) raw() ([]byte, error) {
	from := r.b
	rest, err := msgp.Skip(from)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	r.b = rest
	n := len(from) - len(rest)
	return from[:n:n], nil
}

// each decodes a map. It calls f for each key that is a string; f must decode
// the value. Other keys are skipped with their values.
func (r *reader) each(f func(key string) error) error {
	n, err := r.mapHeader()
	for range n {
		if err != nil {
			return err
		}
		if r.next() == msgp.StrType {
			var key []byte
			if key, err = read(r, msgp.ReadStringZC); err == nil {
				err = f(string(key))
			}
		} else if err = r.skip(); err == nil {
			err = r.skip()
		}
	}
	return err
}

// text decodes a string. Invalid UTF-8 is replaced by U+FFFD, as in JavaScript.
func (r *reader) text() (string, error) {
	b, err := read(r, msgp.ReadStringZC)
	if err != nil {
		return "", err
	}
	if utf8.Valid(b) {
		return string(b), nil
	}
	return string([]rune(string(b))), nil
}

// number decodes a number of any type; ok is false for a value of another type,
// which it skips.
func (r *reader) number() (f float64, ok bool, err error) {
	switch r.next() {
	case msgp.IntType:
		i, err := read(r, msgp.ReadInt64Bytes)
		return float64(i), true, err
	case msgp.UintType:
		u, err := read(r, msgp.ReadUint64Bytes)
		return float64(u), true, err
	case msgp.Float64Type:
		f, err := read(r, msgp.ReadFloat64Bytes)
		return f, true, err
	}
	return 0, false, r.skip()
}

// end reports an error unless the whole message is decoded.
func (r *reader) end() error {
	if len(r.b) > 0 {
		return fmt.Errorf("%w: %d bytes after the end", errMalformed, len(r.b))
	}
	return nil
}

// appendInt appends an integer as notepack does: in the smallest form, which is
// unsigned if it is not negative. (msgp.AppendInt64 prefers the signed forms.)
func appendInt(b []byte, i int64) []byte {
	if i >= 0 {
		return msgp.AppendUint64(b, uint64(i))
	}
	return msgp.AppendInt64(b, i)
}

func appendStrings(b []byte, list []string) []byte {
	b = msgp.AppendArrayHeader(b, uint32(len(list)))
	for _, s := range list {
		b = msgp.AppendString(b, s)
	}
	return b
}
