package redisadapter

import (
	"bytes"
	"encoding/json"
	"errors"
	"runtime"
	"testing"
)

// allocated returns roughly how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func addSeeds(f *testing.F) {
	for _, b := range malformedMessages() {
		f.Add(b)
	}
	for _, b := range invalidBroadcasts() {
		f.Add(b)
	}
	for _, s := range []string{
		"93 a6637262714e67 83 a474797065 02 a464617461 92a2657601 a36e7370 a12f 83 a5726f6f6d73 91a27231 a6657863657074 90 a5666c616773 80",
		"92 d7ff1d6f345468a1e0b5 c70cff0000000000000000 00000001", "94 c401aa c50001bb 81a162c600000001cc c70200dddd", "d8 05 000102030405060708090a0b0c0d0e0f",
		"92 cb3e112e0be826d695 ca3fc00000", "d40000", "d700 00000198b8a03df8",
	} {
		f.Add(unhex(f, s))
	}
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
}

var jsonSeeds = []string{
	`{"uid":"crbqNg","requestId":"mNtI7O","type":5,"opts":{"rooms":["r1"],"except":[]}}`,
	`{"uid":"crbqNg","type":2,"opts":{"rooms":["r1"],"except":[]},"rooms":["n1",2]}`,
	`{"requestId":"a","type":2,"sid":"s","room":"r"}`,
	`{"uid":"crbqNg","type":4,"opts":{"rooms":["r1"],"except":[]},"close":true}`,
	`{"uid":"crbqNg","requestId":"Umw7vh","type":6,"data":["sse",7]}`,
	`{"type":6,"requestId":"Umw7vh","data":{"ok":7}}`,
	`{"type":8,"requestId":"CXeHV9","clientCount":1}`,
	`{"requestId":"mNtI7O","sockets":[{"id":"a","handshake":{"auth":{"t":1}},"rooms":["a"],"data":{}}]}`,
	`{"type":3,"data":{"packet":{"type":2,"data":["e",1],"nsp":"/"},"opts":{"rooms":["r"],"except":[],"flags":{"volatile":true}}},"uid":"0123","nsp":"/"}`,
	`{"type":3,"data":{"packet":{"type":2,"data":["e",1]},"requestId":"x","opts":{"rooms":[],"except":[],"flags":{"timeout":5}}},"uid":"u","nsp":"/"}`,
	`{"type":4,"data":{"opts":{"rooms":[],"except":["x"]},"rooms":["n1",2]},"uid":"u","nsp":"/"}`,
	`{"type":6,"data":{"opts":{},"close":true},"uid":"u","nsp":"/"}`, `{"type":7,"data":{"opts":{},"requestId":"x"},"uid":"u","nsp":"/"}`,
	`{"type":8,"data":{"requestId":"x","sockets":[{"id":"a","handshake":{},"rooms":["a"],"data":{}}]},"uid":"u","nsp":"/"}`,
	`{"type":9,"data":{"packet":["sse",7],"requestId":"x"},"uid":"u","nsp":"/"}`, `{"type":10,"data":{"requestId":"x","packet":{"ok":7}},"uid":"u","nsp":"/"}`,
	`{"type":11,"data":{"requestId":"x","clientCount":1},"uid":"u","nsp":"/"}`, `{"type":12,"data":{"requestId":"x"},"uid":"u","nsp":"/"}`,
	`{"requestId":"a","rooms":["x"]}`, `{}`, `{"type":"5"}`, `{"type":5,"opts":{"rooms":3}}`, `{"type":5,"opts":null}`,
}

// FuzzMessagePack checks that any input is rejected, or converted to valid JSON that
// survives a round trip, with memory in proportion to the input.
func FuzzMessagePack(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		var text []byte
		var attachments [][]byte
		var err error
		if n := allocated(func() { text, attachments, err = toJSON(in) }); n > uint64(len(in))*200+1<<20 {
			t.Errorf("%d bytes made it allocate %d", len(in), n)
		}
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Errorf("toJSON: %v does not wrap errMalformed", err)
			}
			return
		}
		if !json.Valid(text) {
			t.Fatalf("toJSON(%x) = %s is not JSON", in, text)
		}
		if len(attachments) > 0 && bytes.Contains(in, []byte("_placeholder")) {
			return // may refer to a binary twice
		}
		packed, err := appendJSON(nil, text, attachments)
		if err != nil {
			t.Fatalf("appendJSON(%s): %v", text, err)
		}
		again, more, err := toJSON(packed)
		if err != nil || len(more) != len(attachments) {
			t.Fatalf("toJSON(appendJSON(%s)) = %s, %d attachments, %v", text, again, len(more), err)
		}
		packed2, err := appendJSON(nil, again, more)
		if err != nil || !bytes.Equal(packed, packed2) {
			t.Errorf("%s became %s", text, again)
		}
	})
}

// FuzzJSON checks that JSON survives a round trip through MessagePack.
func FuzzJSON(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(`[1.5,-0,1e400,"\ud800",{"_placeholder":true,"num":0}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		packed, err := appendJSON(nil, text, nil)
		if err != nil {
			return
		}
		back, attachments, err := toJSON(packed)
		if err != nil || attachments != nil || !json.Valid(back) {
			t.Errorf("toJSON(appendJSON(%s)) = %s, %x, %v", text, back, attachments, err)
		}
	})
}

func FuzzBroadcast(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := decodeBroadcast(in)
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Errorf("decodeBroadcast: %v does not wrap errMalformed", err)
			}
			return
		}
		if !json.Valid(m.packet.Data) || m.packet.Data[0] != '[' {
			t.Fatalf("data %s", m.packet.Data)
		}
		packed, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeBroadcast(packed); err != nil {
			t.Errorf("decodeBroadcast(encode(%+v)): %v", m, err)
		}
	})
}

func FuzzRequest(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := decodeRequest(in); err != nil && !errors.Is(err, errMalformed) {
			t.Errorf("decodeRequest: %v does not wrap errMalformed", err)
		}
	})
}

func FuzzResponse(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := decodeResponse(in); err != nil && !errors.Is(err, errMalformed) {
			t.Errorf("decodeResponse: %v does not wrap errMalformed", err)
		}
	})
}

// FuzzSharded checks that any input is rejected, or decoded to a message that can be
// encoded, with memory in proportion to the input.
func FuzzSharded(f *testing.F) {
	addSeeds(f)
	for _, s := range jsonSeeds {
		if b, err := appendJSON(nil, []byte(s), nil); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var m shardedMessage
		var err error
		if n := allocated(func() { m, err = decodeSharded(in) }); n > uint64(len(in))*400+1<<20 {
			t.Errorf("%d bytes made it allocate %d", len(in), n)
		}
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Errorf("decodeSharded: %v does not wrap errMalformed", err)
			}
			return
		}
		s := newSharded(&Adapter{nsp: m.nsp, uid: "u"}, "key", ShardedDynamic)
		var packed []byte
		switch {
		case m.broadcast != nil:
			_, packed, err = s.broadcast(&m.broadcast.packet, m.broadcast.target, m.broadcast.flags)
		case m.request != nil:
			_, packed, err = s.request(m.request)
		default:
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeSharded(packed); err != nil {
			t.Errorf("decodeSharded(encode(%+v)): %v", m, err)
		}
	})
}
