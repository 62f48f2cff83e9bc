package redisadapter

import (
	"bytes"
	"errors"
	"maps"
	"reflect"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
)

// nodeBroadcast is what a Node server published for io.to("r1").emit("ev", 1).
const nodeBroadcast = "93 a6637262714e67 83 a474797065 02 a464617461 92a2657601 a36e7370 a12f 83 a5726f6f6d73 91a27231 a6657863657074 90 a5666c616773 80"

func TestBroadcastMatchesANodeServer(t *testing.T) {
	t.Parallel()
	want := broadcast{
		uid: "crbqNg", packet: socketio.Packet{Type: socketio.PacketEvent, Namespace: "/", Data: []byte(`["ev",1]`)},
		target: target{Rooms: roomList{"r1"}, Except: roomList{}},
	}
	got, err := decodeBroadcast(unhex(t, nodeBroadcast))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decodeBroadcast = %+v, %v, want %+v", got, err, want)
	}
	if b, err := want.encode(); err != nil || !bytes.Equal(b, unhex(t, nodeBroadcast)) {
		t.Errorf("encode = %x, %v, want %s", b, err, nodeBroadcast)
	}
}

func TestBroadcastRoundTripWithFlagsAndBinary(t *testing.T) {
	t.Parallel()
	want := broadcast{
		uid:    "u",
		packet: socketio.Packet{Type: socketio.PacketEvent, Namespace: "/custom", Data: []byte(`["b",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{1, 2}}},
		target: target{Rooms: roomList{"a", "b"}, Except: roomList{"c"}},
		flags:  socketio.Flags{Volatile: true, NoCompress: true, Timeout: 1500 * time.Millisecond},
	}
	b, err := want.encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeBroadcast(b); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decodeBroadcast(encode) = %+v, %v, want %+v", got, err, want)
	}
}

// pack converts JSON to MessagePack.
func pack(t testing.TB, text string) []byte {
	t.Helper()
	b, err := appendJSON(nil, []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeBroadcastAcceptsVariants(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		json string
		want broadcast
	}{
		"the key order of the emitter":       {`["emitter",{"nsp":"/","data":["e"],"type":2},{"flags":{},"except":["x"],"rooms":["r"]}]`, broadcast{target: target{Rooms: roomList{"r"}, Except: roomList{"x"}}}},
		"no namespace, options or flags":     {`["emitter",{"type":2,"data":["e"]},{}]`, broadcast{}},
		"options that are null":              {`["emitter",{"type":2,"nsp":null,"data":["e"]},{"rooms":null,"except":null,"flags":null}]`, broadcast{}},
		"rooms that are numbers":             {`["emitter",{"type":2,"data":["e"]},{"rooms":[1,2.5]}]`, broadcast{target: target{Rooms: roomList{"1", "2.5"}}}},
		"unknown flags and properties":       {`["emitter",{"type":2,"data":["e"],"x":[{}]},{"flags":{"binary":true,"local":[1],"volatile":true,"expectSingleResponse":{}},"y":1}]`, broadcast{flags: socketio.Flags{Volatile: true}}},
		"a timeout that is not a number":     {`["emitter",{"type":2,"data":["e"]},{"flags":{"timeout":"5","compress":1}}]`, broadcast{}},
		"a timeout beyond the limit":         {`["emitter",{"type":2,"data":["e"]},{"flags":{"timeout":1e300}}]`, broadcast{flags: socketio.Flags{Timeout: 24 * time.Hour}}},
		"the type of an event with binaries": {`["emitter",{"type":5,"data":["e"]},{}]`, broadcast{}},
		"an id of the publishing process":    {`["emitter",{"type":2,"data":["e"],"id":7},{}]`, broadcast{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.want.uid, tt.want.packet = "emitter", socketio.Packet{Type: socketio.PacketEvent, Namespace: "/", Data: []byte(`["e"]`)}
			if got, err := decodeBroadcast(pack(t, tt.json)); err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("decodeBroadcast(%s) = %+v, %v, want %+v", tt.json, got, err, tt.want)
			}
		})
	}
}

// invalidBroadcasts are valid MessagePack, but not broadcasts.
func invalidBroadcasts() map[string][]byte {
	list := map[string][]byte{}
	for name, text := range map[string]string{
		"no array":                     `{"uid":"u"}`,
		"two elements":                 `["u",{"type":2,"data":["e"]}]`,
		"four elements":                `["u",{"type":2,"data":["e"]},{},1]`,
		"uid is a number":              `[1,{"type":2,"data":["e"]},{}]`,
		"packet is null":               `["u",null,{}]`,
		"packet is an array":           `["u",[2],{}]`,
		"packet without data":          `["u",{"type":2},{}]`,
		"packet without type":          `["u",{"data":["e"]},{}]`,
		"data is no array":             `["u",{"type":2,"data":"e"},{}]`,
		"data is empty":                `["u",{"type":2,"data":[]},{}]`,
		"the event is an object":       `["u",{"type":2,"data":[{}]},{}]`,
		"the event is null":            `["u",{"type":2,"data":[null]},{}]`,
		"the event is a reserved name": `["u",{"type":2,"data":["disconnect"]},{}]`,
		"a type that does not exist":   `["u",{"type":77,"data":["e"]},{}]`,
		"a type that is a string":      `["u",{"type":"2","data":["e"]},{}]`,
		"the type of a disconnection":  `["u",{"type":1,"data":["e"]},{}]`,
		"nsp is a number":              `["u",{"type":2,"data":["e"],"nsp":1},{}]`,
		"options are null":             `["u",{"type":2,"data":["e"]},null]`,
		"rooms is a number":            `["u",{"type":2,"data":["e"]},{"rooms":1}]`,
		"a room is an object":          `["u",{"type":2,"data":["e"]},{"rooms":[{}]}]`,
		"except is a string":           `["u",{"type":2,"data":["e"]},{"except":"r"}]`,
		"flags is a number":            `["u",{"type":2,"data":["e"]},{"flags":7}]`,
	} {
		b, err := appendJSON(nil, []byte(text), nil)
		if err != nil {
			panic(err)
		}
		list[name] = b
	}
	return list
}

// A client closes the connection at a placeholder that refers to nothing.
func TestDecodeBroadcastRejectsDanglingPlaceholders(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		`["u",{"type":2,"data":["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]},{}]`:   true,
		`["u",{"type":2,"data":["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1e3}]},{}]`: false,
		`["u",{"type":2,"data":["e",{"_placeholder":true,"num":0},{"_placeholder":true}]},{}]`:           false,
		`["u",{"type":2,"data":["e",{"_placeholder":true,"num":0},{"_placeholder":false,"num":9}]},{}]`:  true,
	} {
		b, err := appendJSON(nil, []byte(text), [][]byte{{1}, {2}})
		if err != nil {
			t.Fatal(err)
		}
		if m, err := decodeBroadcast(b); (err == nil) != good || err != nil && !errors.Is(err, errMalformed) {
			t.Errorf("decodeBroadcast(packed %s) = %s, %v, want it accepted: %v", text, m.packet.Data, err, good)
		}
	}
}

func TestDecodeBroadcastRejectsMalformedMessages(t *testing.T) {
	t.Parallel()
	tests := invalidBroadcasts()
	maps.Copy(tests, malformedMessages())
	whole := unhex(t, nodeBroadcast)
	for n := range whole {
		tests["cut at "+string(rune('A'+n))] = whole[:n]
	}
	for name, in := range tests {
		if got, err := decodeBroadcast(in); !errors.Is(err, errMalformed) {
			t.Errorf("%s: decodeBroadcast = %+v, %v, want a malformed message", name, got, err)
		}
	}
}
