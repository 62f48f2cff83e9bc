package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
)

// encoder encodes Go values as the JSON and the attachments of a packet.
type encoder struct {
	buf         []byte
	attachments [][]byte
	raw         bool // some values came encoded and may look like placeholders
}

// values appends a comma-separated list.
func (e *encoder) values(values []any) error {
	for _, v := range values {
		if args, ok := v.(Args); ok {
			if len(args.list) > 0 {
				e.comma()
				if err := e.args(args); err != nil {
					return err
				}
			}
			continue
		}
		e.comma()
		if err := e.value(v, 0); err != nil {
			return err
		}
	}
	if e.raw && len(e.attachments) > 0 {
		return e.checkRaw()
	}
	return nil
}

// comma appends a comma unless the next value is the first.
func (e *encoder) comma() {
	if n := len(e.buf); n > 0 && e.buf[n-1] != '[' {
		e.buf = append(e.buf, ',')
	}
}

// value appends one value. A []byte, including within []any and
// map[string]any, becomes a placeholder. Other values are encoded as by
// encoding/json, but without escaping HTML.
func (e *encoder) value(v any, depth int) error {
	if depth > maxDepth {
		return errors.New("socketio: value is nested too deeply")
	}
	switch v := v.(type) {
	case nil:
		e.buf = append(e.buf, "null"...)
	case []byte:
		e.binary(v)
	case bool:
		e.buf = strconv.AppendBool(e.buf, v)
	case int:
		e.buf = strconv.AppendInt(e.buf, int64(v), 10)
	case int64:
		e.buf = strconv.AppendInt(e.buf, v, 10)
	case uint64:
		e.buf = strconv.AppendUint(e.buf, v, 10)
	case []any:
		e.buf = append(e.buf, '[')
		for i, item := range v {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			if err := e.value(item, depth+1); err != nil {
				return err
			}
		}
		e.buf = append(e.buf, ']')
	case map[string]any:
		return e.object(v, depth)
	case Args:
		e.buf = append(e.buf, '[')
		if err := e.args(v); err != nil {
			return err
		}
		e.buf = append(e.buf, ']')
	case json.RawMessage:
		if v == nil {
			e.buf = append(e.buf, "null"...)
			break
		}
		if end := skipValue(v, skipSpace(v, 0), 0); end < 0 || skipSpace(v, end) != len(v) {
			return errors.New("socketio: raw message is not JSON")
		}
		e.raw = true
		e.buf = append(e.buf, v...)
	default:
		return e.marshal(v)
	}
	return nil
}

func (e *encoder) object(m map[string]any, depth int) error {
	e.buf = append(e.buf, '{')
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		if err := e.marshal(key); err != nil {
			return err
		}
		e.buf = append(e.buf, ':')
		if err := e.value(m[key], depth+1); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, '}')
	return nil
}

func (e *encoder) binary(b []byte) {
	e.placeholder(len(e.attachments))
	e.attachments = append(e.attachments, b)
}

func (e *encoder) placeholder(num int) {
	e.buf = append(e.buf, `{"_placeholder":true,"num":`...)
	e.buf = strconv.AppendInt(e.buf, int64(num), 10)
	e.buf = append(e.buf, '}')
}

// args appends encoded arguments and their attachments.
func (e *encoder) args(a Args) error {
	if len(a.attachments) == 0 {
		e.raw = true
		e.buf = append(e.buf, a.list...)
		return nil
	}
	from := 0
	walkPlaceholders(a.list, len(a.attachments), func(start, end, num int) {
		e.buf = append(e.buf, a.list[from:start]...)
		e.placeholder(len(e.attachments))
		e.attachments = append(e.attachments, a.attachments[num])
		from = end
	})
	e.buf = append(e.buf, a.list[from:]...)
	return nil
}

func (e *encoder) marshal(v any) error {
	w := bytes.NewBuffer(e.buf)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode argument: %w", err)
	}
	e.buf = w.Bytes()[:w.Len()-1] // without the newline
	return nil
}

// checkRaw rejects encoded values that look like placeholders in a packet with
// attachments: clients would treat them as placeholders.
func (e *encoder) checkRaw() error {
	count := 0
	if !walkPlaceholders(bytes.TrimPrefix(e.buf, []byte{'['}), len(e.attachments), func(int, int, int) { count++ }) || count != len(e.attachments) {
		return errors.New("socketio: argument looks like a placeholder")
	}
	return nil
}

// name appends the name of an event as a JSON string.
func (e *encoder) name(event string) error {
	for i := range len(event) {
		if c := event[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return e.marshal(event)
		}
	}
	e.buf = append(e.buf, '"')
	e.buf = append(e.buf, event...)
	e.buf = append(e.buf, '"')
	return nil
}

// event appends the array of the name and arguments of an event.
func (e *encoder) event(event string, args []any) error {
	if reserved(event) {
		return fmt.Errorf("%w: %s", ErrReserved, event)
	}
	e.buf = append(e.buf, '[')
	if err := e.name(event); err != nil {
		return err
	}
	if err := e.values(args); err != nil {
		return err
	}
	e.buf = append(e.buf, ']')
	return nil
}

// newEvent encodes an event of a namespace for an adapter.
func newEvent(namespace, event string, args []any) (*Packet, error) {
	e := encoder{buf: make([]byte, 0, 64)}
	if err := e.event(event, args); err != nil {
		return nil, err
	}
	return &Packet{Type: PacketEvent, Namespace: namespace, Data: e.buf, Attachments: e.attachments}, nil
}

// encoders pools encoders whose result is copied into a message at once.
var encoders = sync.Pool{New: func() any { return new(encoder) }}

// maxPooledBuffer bounds the capacity of the buffers in the pool.
const maxPooledBuffer = 64 << 10

func (e *encoder) release() {
	if cap(e.buf) <= maxPooledBuffer {
		*e = encoder{buf: e.buf[:0]}
		encoders.Put(e)
	}
}

// encodeFor encodes an event, or an acknowledgement, which has no name, for a
// single socket.
func encodeFor(p Packet, event string, args []any) (encodedPacket, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	var err error
	if p.Type == PacketEvent {
		err = e.event(event, args)
	} else {
		e.buf = append(e.buf, '[')
		err = e.values(args)
		e.buf = append(e.buf, ']')
	}
	if err != nil {
		return encodedPacket{}, err
	}
	p.Data, p.Attachments = e.buf, e.attachments
	return encodePacket(&p), nil
}
