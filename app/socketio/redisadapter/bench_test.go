package redisadapter

import (
	"testing"

	"smart-factory-backend/app/socketio"
)

var benchEvent = broadcast{
	uid: "abcdef",
	packet: socketio.Packet{
		Type: socketio.PacketEvent, Namespace: "/",
		Data: []byte(`["telemetry",{"room":"machine:press-7","seq":123456,"data":[{"machine":"press-7","metric":"temperature","unit":"Cel","ts":1790000000123,"value":81.25},{"machine":"press-7","metric":"vibration","unit":"mm/s","ts":1790000000123,"value":0.031}]}]`),
	},
	target: target{Rooms: roomList{"machine:press-7"}},
}

func BenchmarkBroadcastEncode(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(benchEvent.packet.Data)))
	for b.Loop() {
		if _, err := benchEvent.encode(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBroadcastDecode(b *testing.B) {
	message, err := benchEvent.encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		if _, err := decodeBroadcast(message); err != nil {
			b.Fatal(err)
		}
	}
}
