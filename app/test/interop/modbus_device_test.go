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

// modbusDevice is a Modbus TCP server. Register 0 counts how often it was read,
// registers 1 and 2 hold a temperature that depends on that count.
type modbusDevice struct {
	address string
	reads   atomic.Uint32
}

// temperatureAfter is the temperature at the nth read.
func temperatureAfter(n int) float64 { return 20 + float64(n)/8 }

// startModbusDevice runs a device until the test ends.
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

// serve responses "read holding registers" until the client disconnects.
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
		response := append([]byte{}, request[:4]...)
		response = append(response, 0, 9, request[6], 3, 6)
		response = binary.BigEndian.AppendUint16(response, uint16(n))
		response = binary.BigEndian.AppendUint32(response, temperature)
		if _, err := c.Write(response); err != nil {
			return
		}
	}
}
