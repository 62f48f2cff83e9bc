package socketio_test

import (
	"testing"

	"smart-factory-backend/app/socketio"
)

// BenchmarkEcho measures decoding and encoding an echoed event, without the
// transport.
func BenchmarkEcho(b *testing.B) {
	text := []byte(`2["echo",{"n":1,"text":"hello world hello world"}]`)
	b.ReportAllocs()
	for b.Loop() {
		if err := socketio.Echo(text); err != nil {
			b.Fatal(err)
		}
	}
}
