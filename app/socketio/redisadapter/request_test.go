package redisadapter

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
)

func TestDecodeRequest(t *testing.T) {
	t.Parallel()
	r1 := &target{Rooms: roomList{"r1"}, Except: roomList{}}
	tests := map[string]struct {
		json string
		want request
	}{
		"sockets":           {`{"uid":"u","requestId":"i","type":0,"rooms":["a"]}`, request{Type: typeSockets, UID: "u", RequestID: "i", Rooms: roomList{"a"}}},
		"all rooms":         {`{"uid":"u","requestId":"i","type":1}`, request{Type: typeAllRooms, UID: "u", RequestID: "i"}},
		"join":              {`{"uid":"u","type":2,"opts":{"rooms":["r1"],"except":[]},"rooms":["n1",2]}`, request{Type: typeRemoteJoin, UID: "u", Opts: r1, Rooms: roomList{"n1", "2"}}},
		"join by emitter":   {`{"type":2,"opts":{"rooms":["r1"],"except":[]},"rooms":["z"]}`, request{Type: typeRemoteJoin, Opts: r1, Rooms: roomList{"z"}}},
		"join, old form":    {`{"requestId":"i","type":2,"sid":"s","room":"r"}`, request{Type: typeRemoteJoin, RequestID: "i", SID: "s", Room: "r"}},
		"disconnect":        {`{"uid":"u","type":4,"opts":{"rooms":["r1"],"except":[]},"close":true}`, request{Type: typeRemoteDisconnect, UID: "u", Opts: r1, Close: new(true)}},
		"fetch":             {`{"uid":"u","requestId":"i","type":5,"opts":{"rooms":["r1"],"except":[]}}`, request{Type: typeRemoteFetch, UID: "u", RequestID: "i", Opts: r1}},
		"server side emit":  {`{"uid":"u","requestId":"i","type":6,"data":["sse",7]}`, request{Type: typeServerSideEmit, UID: "u", RequestID: "i", Data: json.RawMessage(`["sse",7]`)}},
		"without an answer": {`{"uid":"u","type":6,"data":["sse"]}`, request{Type: typeServerSideEmit, UID: "u", Data: json.RawMessage(`["sse"]`)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := decodeRequest([]byte(tt.json)); err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("decodeRequest(%s) = %+v, %v, want %+v", tt.json, got, err, tt.want)
			}
		})
	}
}

func TestBroadcastRequestRoundTrip(t *testing.T) {
	t.Parallel()
	e := socketio.Packet{Type: socketio.PacketEvent, Namespace: "/", Data: []byte(`["q",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{9}}}
	b, err := encodeBroadcastRequest("u", "i", &e, target{Rooms: roomList{"r"}}, socketio.Flags{Timeout: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeRequest(b)
	want := request{
		Type: typeBroadcast, UID: "u", RequestID: "i", packet: e,
		Opts: &target{Rooms: roomList{"r"}, Except: roomList{}}, flags: socketio.Flags{Timeout: 500 * time.Millisecond},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decodeRequest(encodeBroadcastRequest) = %+v, %v, want %+v", got, err, want)
	}
}

func TestDecodeRequestRejectsMalformedMessages(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{`, `{}`, `{"type":5}`, `{"type":5,"requestId":"i"}`, `{"type":"5","requestId":"i","opts":{}}`, `{"type":99}`, `{"type":-1}`, `{"type":8}`,
		`{"type":0}`, `{"type":1}`, `{"type":2}`, `{"type":3,"rooms":["a"]}`, `{"type":4}`, `{"type":6}`, `{"type":6,"data":[]}`, `{"type":6,"data":7}`,
		`{"type":7,"requestId":"i"}`, `{"type":5,"requestId":"i","opts":{"rooms":7}}`, `{"type":5,"requestId":"i","opts":{"rooms":[{}]}}`,
		`{"type":5,"requestId":7,"opts":{}}`, `{"type":2,"opts":[],"rooms":[]}`, `{"type":1,"requestId":"` + string(make([]byte, 100)) + `"}`,
	} {
		if got, err := decodeRequest([]byte(text)); !errors.Is(err, errMalformed) {
			t.Errorf("decodeRequest(%s) = %+v, %v, want a malformed message", text, got, err)
		}
	}
	for name, b := range malformedMessages() {
		if got, err := decodeRequest(b); !errors.Is(err, errMalformed) {
			t.Errorf("%s: decodeRequest = %+v, %v, want a malformed message", name, got, err)
		}
	}
	for _, text := range []string{
		`{"type":5,"requestId":"i","opts":{}}`, `{"type":7,"packet":{"type":2,"data":["e"]}}`, `{"type":7,"requestId":"i"}`,
		`{"type":7,"requestId":"i","packet":null}`, `{"type":7,"requestId":"i","packet":{"type":2,"data":["e"]},"opts":7}`,
		`{"type":400,"requestId":"i"}`, `{"type":7,"requestId":5,"packet":{"type":2,"data":["e"]}}`,
	} {
		if got, err := decodeRequest(pack(t, text)); !errors.Is(err, errMalformed) {
			t.Errorf("decodeRequest(packed %s) = %+v, %v, want a malformed message", text, got, err)
		}
	}
}

func TestDecodeResponse(t *testing.T) {
	t.Parallel()
	resp, err := decodeResponse([]byte(`{"type":8,"requestId":"i","clientCount":3}`))
	if err != nil || *resp.Type != typeBroadcastClientCount || resp.RequestID != "i" || *resp.ClientCount != 3 {
		t.Errorf("decodeResponse(count) = %+v, %v", resp, err)
	}
	resp, err = decodeResponse([]byte(`{"requestId":"i","sockets":[],"rooms":["a",1]}`))
	if err != nil || resp.Sockets == nil || string(*resp.Sockets) != "[]" || !reflect.DeepEqual(*resp.Rooms, roomList{"a", "1"}) {
		t.Errorf("decodeResponse(sockets, rooms) = %+v, %v", resp, err)
	}
	for _, text := range []string{`{`, `{"requestId":1}`, `{"type":8,"clientCount":-1}`, `{"type":8,"clientCount":1e12}`, `{"rooms":3}`} {
		if resp, err := decodeResponse([]byte(text)); !errors.Is(err, errMalformed) {
			t.Errorf("decodeResponse(%s) = %+v, %v, want a malformed message", text, resp, err)
		}
	}
}

func TestAckRoundTrip(t *testing.T) {
	t.Parallel()
	b, err := encodeAck("i", []byte(`{"a":{"_placeholder":true,"num":0}}`), [][]byte{{7}})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := decodeResponse(b)
	if err != nil || *resp.Type != typeBroadcastAck || resp.RequestID != "i" ||
		string(resp.ack) != `{"a":{"_placeholder":true,"num":0}}` || !reflect.DeepEqual(resp.attachments, [][]byte{{7}}) {
		t.Errorf("decodeResponse(encodeAck) = %+v, %v", resp, err)
	}
	for _, text := range []string{`{"type":9,"requestId":"i"}`, `{"type":9,"requestId":"i","packet":null}`} {
		if resp, err := decodeResponse(pack(t, text)); err != nil || string(resp.ack) != "null" {
			t.Errorf("decodeResponse(packed %s) = %+v, %v, want null", text, resp, err)
		}
	}
	for name, b := range malformedMessages() {
		if resp, err := decodeResponse(b); !errors.Is(err, errMalformed) {
			t.Errorf("%s: decodeResponse = %+v, %v, want a malformed message", name, resp, err)
		}
	}
}

func TestNilListsAreEncodedAsEmptyLists(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(target{})
	if want := `{"rooms":[],"except":[]}`; err != nil || string(b) != want {
		t.Errorf("json.Marshal(target{}) = %s, %v, want %s", b, err, want)
	}
}
