package socketio_test

import (
	"testing"

	"smart-factory-backend/app/socketio"
)

// What an echoed event costs here, without the transport's part.
func BenchmarkEcho(b *testing.B) {
	text := []byte(`2["echo",{"n":1,"text":"hello world hello world"}]`)
	b.ReportAllocs()
	for b.Loop() {
		if err := socketio.Echo(text); err != nil {
			b.Fatal(err)
		}
	}
}
