//go:build integration

package interop_test

import (
	"encoding/binary"
	"io"
	"math"
	"net"
	"sync/atomic"
	"testing"
)

// press is a machine that speaks Modbus over TCP: register 0 counts how often
// it was read, registers 1 and 2 are a temperature that follows.
type modbusDevice struct {
	address string
	reads   atomic.Uint32
}

// temperatureAfter is what the press has at its n-th read.
func temperatureAfter(n int) float64 { return 20 + float64(n)/8 }

// startPress runs a press until the end of the test.
func startModbusDevice(t *testing.T) *modbusDevice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &modbusDevice{address: l.Addr().String()}
	done := make(chan struct{})
	go func() { // ends when the listener is closed; one poller at a time
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.serve(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return p
}

// serve answers "read holding registers" until the client is gone.
func (p *modbusDevice) serve(c net.Conn) {
	var request [12]byte // transaction, protocol, length, unit, function, first, count
	for {
		if _, err := io.ReadFull(c, request[:]); err != nil {
			return
		}
		first, count := binary.BigEndian.Uint16(request[8:]), binary.BigEndian.Uint16(request[10:])
		if request[7] != 3 || first != 0 || count != 3 {
			return
		}
		n := p.reads.Add(1)
		temperature := math.Float32bits(float32(temperatureAfter(int(n))))
		answer := append([]byte{}, request[:4]...)
		answer = append(answer, 0, 9, request[6], 3, 6)
		answer = binary.BigEndian.AppendUint16(answer, uint16(n))
		answer = binary.BigEndian.AppendUint32(answer, temperature)
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}
