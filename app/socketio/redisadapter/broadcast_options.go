package redisadapter

import (
	"math"
	"time"

	"smart-factory-backend/app/socketio"

	"github.com/tinylib/msgp/msgp"
)

// target selects sockets: the members of Rooms, or all if it is empty, except
// the members of Except.
type target struct {
	Rooms  roomList `json:"rooms"`
	Except roomList `json:"except"`
}

func targetOf(o *socketio.BroadcastOptions) target {
	return target{Rooms: o.Rooms, Except: o.Except}
}

// localOptions returns options for the sockets of this server only.
func localOptions(t target, f socketio.Flags) *socketio.BroadcastOptions {
	f.Local = true
	return &socketio.BroadcastOptions{Rooms: t.Rooms, Except: t.Except, Flags: f}
}

// appendOptions appends the options of a broadcast, with the flags that are set.
func appendOptions(b []byte, t target, f socketio.Flags) []byte {
	b = msgp.AppendMapHeader(b, 3)
	b = appendStrings(msgp.AppendString(b, "rooms"), t.Rooms)
	b = appendStrings(msgp.AppendString(b, "except"), t.Except)
	n := uint32(0)
	for _, set := range []bool{f.Volatile, f.NoCompress, f.Timeout != 0} {
		if set {
			n++
		}
	}
	b = msgp.AppendMapHeader(msgp.AppendString(b, "flags"), n)
	if f.Volatile {
		b = msgp.AppendBool(msgp.AppendString(b, "volatile"), true)
	}
	if f.NoCompress {
		b = msgp.AppendBool(msgp.AppendString(b, "compress"), false)
	}
	if f.Timeout != 0 {
		b = appendInt(msgp.AppendString(b, "timeout"), f.Timeout.Milliseconds())
	}
	return b
}

// options decodes the options of a broadcast. Each of them may be missing or nil.
func (r *reader) options() (t target, f socketio.Flags, err error) {
	err = r.each(func(key string) (err error) {
		switch key {
		case "rooms":
			t.Rooms, err = r.rooms()
		case "except":
			t.Except, err = r.rooms()
		case "flags":
			f, err = r.flags()
		default:
			err = r.skip()
		}
		return err
	})
	return t, f, err
}

// rooms decodes a list of rooms. In JavaScript a room may also be a number.
func (r *reader) rooms() ([]string, error) {
	if r.next() == msgp.NilType {
		return nil, r.skip()
	}
	n, err := r.arrayHeader()
	if err != nil {
		return nil, err
	}
	list := make([]string, n)
	for i := range list {
		switch r.next() {
		case msgp.StrType:
			list[i], err = r.text()
		case msgp.IntType, msgp.UintType, msgp.Float64Type:
			var id float64
			id, _, err = r.number()
			list[i] = string(appendFloat(nil, id))
		default:
			err = r.errUnexpected("a room")
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// flags decodes the flags. Unknown flags and values of the wrong type are ignored.
func (r *reader) flags() (f socketio.Flags, err error) {
	if r.next() == msgp.NilType {
		return f, r.skip()
	}
	err = r.each(func(key string) error {
		switch {
		case key == "timeout":
			ms, ok, err := r.number()
			if ok {
				f.Timeout = milliseconds(ms)
			}
			return err
		case key == "volatile" && r.next() == msgp.BoolType:
			f.Volatile, err = read(r, msgp.ReadBoolBytes)
		case key == "compress" && r.next() == msgp.BoolType:
			var compress bool
			compress, err = read(r, msgp.ReadBoolBytes)
			f.NoCompress = !compress
		default:
			err = r.skip()
		}
		return err
	})
	return f, err
}

// milliseconds converts a timeout, limited to one day. It returns 0 for a number
// that is not positive.
func milliseconds(ms float64) time.Duration {
	const day = 24 * time.Hour
	if math.IsNaN(ms) || ms <= 0 {
		return 0
	}
	return min(time.Duration(min(ms, float64(day.Milliseconds()))*float64(time.Millisecond)), day)
}
