package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestEchoLargeMessages covers chapters 9 and 10 of the Autobahn suite:
// messages up to the limit of 16 MiB, in few or many fragments, written in
// large or small pieces.
func TestEchoLargeMessages(t *testing.T) {
	t.Parallel()
	addr := echoServer(t)
	const kib, mib = 1 << 10, 1 << 20
	whole, fragmented, chopped := []int{64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, 16 * mib}, 4*mib, mib
	fragments, chops := []int{64, 256, kib, 4 * kib, 16 * kib, 64 * kib, 256 * kib, mib, 4 * mib}, []int{64, 128, 256, 512, kib, 2 * kib}
	if testing.Short() || underRace {
		whole, fragmented, chopped = []int{64 * kib, 16 * mib}, 256*kib, 64*kib
	}
	for kind, content := range map[byte]string{opText: "é*", opBinary: "\xff\xfe\x00"} {
		first := finBit | kind
		for _, n := range whole {
			expectEchoes(t, addr, fmt.Sprintf("9.%d of %d bytes", kind, n), frame{first, repeatTo(content, n)}, oneFrame(first), n)
		}
		for _, n := range fragments {
			cut := func(payload string) [][]byte { return fragmentsOf(kind, payload, n) }
			expectEchoes(t, addr, fmt.Sprintf("9.%d in fragments of %d", kind+2, n), frame{first, repeatTo(content, fragmented)}, cut, fragmented)
		}
		for _, n := range chops {
			cut := func(payload string) [][]byte {
				return slices.Collect(slices.Chunk(frame{first, payload}.wire(), n))
			}
			expectEchoes(t, addr, fmt.Sprintf("9.%d in chops of %d", kind+4, n), frame{first, repeatTo(content, chopped)}, cut, chopped)
		}
	}
	cut := func(payload string) [][]byte { return fragmentsOf(opText, payload, 1300) }
	expectEchoes(t, addr, "10.1.1 in fragments of 1300", frame{finBit | opText, repeatTo("*", 64*kib)}, cut, 64*kib)

	t.Run("beyond the limit", func(t *testing.T) {
		p := dialRaw(t, addr, "/echo")
		p.send([]byte{finBit | opBinary, 0x80 | 127, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0})
		p.expectClose(1009)
	})
}

// expectEchoes sends a message n times while it reads the echoes.
func expectEchoes(t *testing.T, addr, name string, want frame, cut func(string) [][]byte, n int) {
	t.Run(name, func(t *testing.T) {
		p := dialRaw(t, addr, "/echo")
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			p.send(cut(want.payload)...)
		}()
		got, err := p.read()
		<-sent
		if err != nil || got.first != want.first || got.payload != want.payload || len(got.payload) != n {
			t.Fatalf("got %v, %v; want %v", got, err, want)
		}
		p.send(closeFrame(1000, "").wire())
		p.expectClose(1000)
	})
}

func oneFrame(first byte) func(string) [][]byte {
	return func(payload string) [][]byte { return [][]byte{frame{first, payload}.wire()} }
}

func fragmentsOf(kind byte, payload string, n int) [][]byte {
	var all [][]byte
	first := kind
	for len(payload) > n {
		all = append(all, frame{first, payload[:n]}.wire())
		payload, first = payload[n:], opContinuation
	}
	return append(all, frame{first | finBit, payload}.wire())
}

// repeatTo repeats content to at most n bytes, without cutting a character.
func repeatTo(content string, n int) string {
	s := strings.Repeat(content, n/len(content))
	return s + strings.Repeat("x", n-len(s))
}

// TestEchoRoundTrips covers the end of chapter 9: a thousand messages, each
// sent after the echo of the previous one.
func TestEchoRoundTrips(t *testing.T) {
	t.Parallel()
	addr, rounds := echoServer(t), 1000
	if testing.Short() || underRace {
		rounds = 100
	}
	for _, kind := range []byte{opText, opBinary} {
		for _, n := range []int{0, 16, 64, 256, 1024, 4096} {
			t.Run(fmt.Sprintf("9.%d of %d bytes", kind+6, n), func(t *testing.T) {
				t.Parallel()
				p := dialRaw(t, addr, "/echo")
				f := frame{finBit | kind, repeatTo("*", n)}
				wire := f.wire()
				for range rounds {
					p.send(wire)
					p.expect(f)
				}
				p.send(closeFrame(1000, "").wire())
				p.expectClose(1000)
			})
		}
	}
}
