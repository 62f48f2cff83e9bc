package server

import (
	"net"
	"testing"
)

func TestURLOfTheServerCanBeOpened(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		address *net.TCPAddr
		tls     bool
		want    string
	}{
		{&net.TCPAddr{Port: 3000}, false, "http://localhost:3000"},
		{&net.TCPAddr{IP: net.IPv4zero, Port: 3000}, true, "https://localhost:3000"},
		{&net.TCPAddr{IP: net.IPv6unspecified, Port: 80}, false, "http://localhost:80"},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 3000}, false, "http://192.0.2.7:3000"},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 443}, true, "https://[::1]:443"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 3000}, false, "http://[fe80::1%25eth0]:3000"},
	} {
		if got := urlOf(tt.address, tt.tls); got != tt.want {
			t.Errorf("urlOf(%v, %v) = %q, want %q", tt.address, tt.tls, got, tt.want)
		}
	}
}
