package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// echoServer runs the program with the flags that protocol suites use.
func echoServer(t *testing.T) string {
	return startServer(t, "-ping-interval", "300ms", "-ping-timeout", "200ms")
}

// echoCase is what a client sends and what it must receive.
type echoCase struct {
	send []frame
	want []frame
	// code is that of the server's close frame. 0 means that there is no
	// error: the client closes with 1000.
	code int
}

// addCases adds numbered cases; the names begin with the numbers of the
// Autobahn suite.
func addCases[T any](chapter string, what string, values []T, f func(T) echoCase, into map[string]echoCase) {
	for i, v := range values {
		into[fmt.Sprintf("%s.%d %s", chapter, i+1, fmt.Sprintf(what, v))] = f(v)
	}
}

// TestEchoFollowsRFC6455 checks framing (chapter 1), pings and pongs (2),
// reserved bits (3), opcodes (4), fragments (5), empty messages (6.1) and
// closing (7) on /echo. Each case runs with the bytes divided into writes in
// several ways.
func TestEchoFollowsRFC6455(t *testing.T) {
	t.Parallel()
	cases := map[string]echoCase{}
	framingCases(cases)
	fragmentCases(cases)
	closingCases(cases)
	addr := echoServer(t)
	for name, c := range cases {
		for way, cut := range writePatterns {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				p := dialRaw(t, addr, "/echo")
				p.send(cut(c.send)...)
				p.expect(c.want...)
				code := c.code
				if code == 0 {
					p.send(closeFrame(1000, "").wire())
					code = 1000
				}
				if code == none {
					code = 0
				}
				p.expectClose(code)
			})
		}
	}
}

// none is a close frame without a code.
const none = -1

func framingCases(cases map[string]echoCase) {
	sizes := []int{0, 125, 126, 127, 128, 65535, 65536, 65537}
	for chapter, first := range map[string]byte{"1.1": finBit | opText, "1.2": finBit | opBinary} {
		addCases(chapter, "a message of %d bytes", sizes, func(n int) echoCase {
			payload := strings.Repeat("*", n)
			if first == finBit|opBinary {
				payload = strings.Repeat("\xfe", n)
			}
			return echoCase{send: []frame{{first, payload}}, want: []frame{{first, payload}}}
		}, cases)
	}
	long := strings.Repeat("\xfe", 125)
	cases["2.1 an empty ping"] = echoCase{send: []frame{{finBit | opPing, ""}}, want: []frame{{finBit | opPong, ""}}}
	cases["2.2 a ping with text"] = echoCase{send: []frame{{finBit | opPing, "Hello"}}, want: []frame{{finBit | opPong, "Hello"}}}
	cases["2.3 a ping with bytes"] = echoCase{send: []frame{{finBit | opPing, "\x00\xff\xfe\xfd"}}, want: []frame{{finBit | opPong, "\x00\xff\xfe\xfd"}}}
	cases["2.4 and 2.6 a ping of 125 bytes"] = echoCase{send: []frame{{finBit | opPing, long}}, want: []frame{{finBit | opPong, long}}}
	cases["2.5 a ping of 126 bytes"] = echoCase{send: []frame{{finBit | opPing, long + "!"}}, code: 1002}
	cases["2.7 an unsolicited pong"] = echoCase{send: []frame{{finBit | opPong, ""}}}
	cases["2.8 a pong with text"] = echoCase{send: []frame{{finBit | opPong, "unasked"}}}
	cases["2.9 a pong, then a ping"] = echoCase{send: []frame{{finBit | opPong, "unasked"}, {finBit | opPing, "p"}}, want: []frame{{finBit | opPong, "p"}}}
	var pings, pongs []frame
	for i := range 10 {
		pings = append(pings, frame{finBit | opPing, fmt.Sprint("payload ", i)})
		pongs = append(pongs, frame{finBit | opPong, fmt.Sprint("payload ", i)})
	}
	cases["2.10 and 2.11 ten pings"] = echoCase{send: pings, want: pongs}

	hello := frame{finBit | opText, "Hello, world!"}
	for rsv := byte(1); rsv < 8; rsv++ {
		for kind, f := range map[string]frame{
			"text": {finBit | opText, "a"}, "binary": {finBit | opBinary, "a"}, "ping": {finBit | opPing, "a"}, "close": closeFrame(1000, ""),
		} {
			bad := frame{f.first | rsv<<4, f.payload}
			cases[fmt.Sprintf("3.%d reserved bits %d of a %s frame", rsv, rsv, kind)] = echoCase{send: []frame{bad}, code: 1002}
			cases[fmt.Sprintf("3.%d reserved bits %d of a %s frame, after a message", rsv, rsv, kind)] = echoCase{
				send: []frame{hello, bad, {finBit | opPing, ""}}, want: []frame{hello}, code: 1002,
			}
		}
	}
	for chapter, opcodes := range map[string][]byte{"4.1": {3, 4, 5, 6, 7}, "4.2": {11, 12, 13, 14, 15}} {
		for i, op := range opcodes {
			cases[fmt.Sprintf("%s.%d opcode %d", chapter, i+1, op)] = echoCase{send: []frame{{finBit | op, ""}}, code: 1002}
			cases[fmt.Sprintf("%s.%d opcode %d, after a message", chapter, i+1, op)] = echoCase{
				send: []frame{hello, {finBit | op, "reserved"}, {finBit | opPing, ""}}, want: []frame{hello}, code: 1002,
			}
		}
	}
}

func fragmentCases(cases map[string]echoCase) {
	whole := func(payload string) []frame { return []frame{{finBit | opText, payload}} }
	cases["5.1 a ping in two fragments"] = echoCase{send: []frame{{opPing, "a"}, {finBit | opContinuation, "b"}}, code: 1002}
	cases["5.2 a pong in two fragments"] = echoCase{send: []frame{{opPong, "a"}, {finBit | opContinuation, "b"}}, code: 1002}
	cases["5.3 to 5.5 two fragments"] = echoCase{send: []frame{{opText, "frag1"}, {finBit | opContinuation, "frag2"}}, want: whole("frag1frag2")}
	cases["5.6 to 5.8 a ping between"] = echoCase{
		send: []frame{{opText, "frag1"}, {finBit | opPing, "p"}, {finBit | opContinuation, "frag2"}},
		want: append([]frame{{finBit | opPong, "p"}}, whole("frag1frag2")...),
	}
	for i, last := range []byte{finBit, 0} {
		cases[fmt.Sprintf("5.%d nothing to continue, last %v", 9+3*i, last != 0)] = echoCase{
			send: []frame{{last | opContinuation, "not text"}, {finBit | opText, "Hello"}}, code: 1002,
		}
		cases[fmt.Sprintf("5.15 nothing more to continue, last %v", last != 0)] = echoCase{
			send: []frame{{opText, "frag1"}, {finBit | opContinuation, "frag2"}, {last | opContinuation, "frag3"}, {finBit | opText, "Hello"}},
			want: whole("frag1frag2"), code: 1002,
		}
	}
	cases["5.16 continuations before messages"] = echoCase{
		send: []frame{{opContinuation, "a"}, {opText, "b"}, {finBit | opContinuation, "c"}, {opContinuation, "a"}, {opText, "b"}, {finBit | opContinuation, "c"}}, code: 1002,
	}
	cases["5.17 ended continuations before messages"] = echoCase{
		send: []frame{{finBit | opContinuation, "a"}, {opText, "b"}, {finBit | opContinuation, "c"}}, code: 1002,
	}
	for _, second := range []byte{opText, finBit | opText, opBinary, finBit | opBinary} {
		cases[fmt.Sprintf("5.18 a message %#02x within a message", second)] = echoCase{send: []frame{{opText, "frag1"}, {second, "frag2"}}, code: 1002}
	}
	var many, manyWant []frame
	for i := range 5 {
		f := frame{opContinuation, fmt.Sprint("fragment", i+1)}
		switch i {
		case 0:
			f.first = opText
		case 4:
			f.first = finBit | opContinuation
		}
		many = append(many, f, frame{finBit | opPing, fmt.Sprint("pong", i)})
		manyWant = append(manyWant, frame{finBit | opPong, fmt.Sprint("pong", i)})
	}
	echo := whole("fragment1fragment2fragment3fragment4fragment5")
	cases["5.19 and 5.20 pings between and after five fragments"] = echoCase{
		send: many, want: append(append(append([]frame{}, manyWant[:4]...), echo...), manyWant[4]),
	}
	cases["5 a binary message in fragments, with a pong and an empty one"] = echoCase{
		send: []frame{{opBinary, "\xff"}, {finBit | opPong, ""}, {opContinuation, ""}, {finBit | opContinuation, "\xfe"}}, want: []frame{{finBit | opBinary, "\xff\xfe"}},
	}
	cases["6.1.1 an empty text"] = echoCase{send: []frame{{finBit | opText, ""}}, want: whole("")}
	cases["6.1.2 three empty fragments"] = echoCase{send: []frame{{opText, ""}, {opContinuation, ""}, {finBit | opContinuation, ""}}, want: whole("")}
	cases["6.1.3 empty fragments around one"] = echoCase{send: []frame{{opText, ""}, {opContinuation, "middle"}, {finBit | opContinuation, ""}}, want: whole("middle")}
}

func closingCases(cases map[string]echoCase) {
	hello := frame{finBit | opText, "Hello World!"}
	bye := closeFrame(1000, "")
	cases["7.1.1 a message, then a close"] = echoCase{send: []frame{hello, bye}, want: []frame{hello}, code: 1000}
	cases["7.1.2 two closes"] = echoCase{send: []frame{bye, bye}, code: 1000}
	cases["7.1.3 a ping after a close"] = echoCase{send: []frame{bye, {finBit | opPing, ""}}, code: 1000}
	cases["7.1.4 a message after a close"] = echoCase{send: []frame{bye, hello}, code: 1000}
	cases["7.1.5 a fragment after a close"] = echoCase{send: []frame{{opText, "fragment1"}, bye, {finBit | opContinuation, "fragment2"}}, code: 1000}
	big := frame{finBit | opText, strings.Repeat("BAsd7&jh23", 26_215)}
	cases["7.1.6 a large message, a close, a ping"] = echoCase{send: []frame{big, hello, bye, {finBit | opPing, ""}}, want: []frame{big, hello}, code: 1000}
	cases["7.3.1 a close without a code"] = echoCase{send: []frame{{finBit | opClose, ""}}, code: none}
	cases["7.3.2 a close with half a code"] = echoCase{send: []frame{{finBit | opClose, "a"}}, code: 1002}
	cases["7.3.3 a close with a code"] = echoCase{send: []frame{bye}, code: 1000}
	cases["7.3.4 a close with a reason"] = echoCase{send: []frame{closeFrame(1000, "Hello World!")}, code: 1000}
	cases["7.3.5 a close with the longest reason"] = echoCase{send: []frame{closeFrame(1000, strings.Repeat("*", 123))}, code: 1000}
	cases["7.3.6 a close with too long a reason"] = echoCase{send: []frame{closeFrame(1000, strings.Repeat("*", 124))}, code: 1002}
	cases["7.3 a close in two fragments"] = echoCase{send: []frame{{opClose, "\x03"}, {finBit | opContinuation, "\xe8"}}, code: 1002}
	cases["7.5.1 a close whose reason is no text"] = echoCase{send: []frame{closeFrame(1000, "\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80edited")}, code: 1007}
	cases["7.5.1 a close whose reason breaks off"] = echoCase{send: []frame{closeFrame(1000, "\xce\xba\xe1\xbd")}, code: 1007}
	addCases("7.7", "the close code %d", []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 1012, 1013, 1014}, func(code int) echoCase {
		return echoCase{send: []frame{closeFrame(code, "")}, code: code}
	}, cases)
	addCases("7.9", "the close code %d, which is none", []int{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 1015, 1, 500}, func(code int) echoCase {
		return echoCase{send: []frame{closeFrame(code, "")}, code: 1002}
	}, cases)
	addCases("7.13", "the close code %d", []int{5000, 65535}, func(code int) echoCase {
		return echoCase{send: []frame{closeFrame(code, "")}, code: 1002}
	}, cases)
}

// TestUnmaskedFramesAreRefused checks that frames of a client must be masked
// (section 5.1).
func TestUnmaskedFramesAreRefused(t *testing.T) {
	t.Parallel()
	addr := echoServer(t)
	for _, b := range []string{"\x81\x01a", "\x89\x00", "\x88\x02\x03\xe8", "\x82\x7e\x01\x00"} {
		p := dialRaw(t, addr, "/echo")
		p.send([]byte(b))
		p.expectClose(1002)
	}
	for _, b := range []string{"\x82\xfe\x00\x7d\x00\x00\x00\x00", "\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"} {
		p := dialRaw(t, addr, "/echo")
		p.send([]byte(b))
		p.expectClose(1002) // a length that is not minimal, or of 2^63
	}
}

// TestEchoChecksUTF8 covers chapter 6: valid text is echoed however it is
// fragmented. Invalid text closes the connection with 1007 at the first byte
// that cannot be part of valid text, even within a frame (section 8.1).
func TestEchoChecksUTF8(t *testing.T) {
	t.Parallel()
	addr := echoServer(t)
	for chapter, list := range texts() {
		for i, s := range list {
			t.Run(fmt.Sprintf("%s, %d: %x", chapter, i+1, s), func(t *testing.T) {
				t.Parallel()
				if utf8.ValidString(s) {
					expectEcho(t, addr, s)
				} else {
					expectInvalidUTF8(t, addr, s)
				}
			})
		}
	}
}

// expectEcho sends s in one frame, in one fragment per byte, and in two
// fragments divided at every position.
func expectEcho(t *testing.T, addr, s string) {
	p := dialRaw(t, addr, "/echo")
	p.send(frame{finBit | opText, s}.wire())
	for i := range len(s) {
		p.send(frame{opText, s[:i]}.wire(), frame{finBit | opContinuation, s[i:]}.wire())
	}
	first := byte(opText)
	for i := range len(s) {
		p.send(frame{first, s[i : i+1]}.wire())
		first = opContinuation
	}
	p.send(frame{finBit | first, ""}.wire())
	for range len(s) + 2 {
		p.expect(frame{finBit | opText, s})
	}
	p.send(closeFrame(1000, s).wire())
	p.expectClose(1000)
}

// expectInvalidUTF8 sends s in one frame, as a close reason, and up to its
// first invalid byte, in fragments and in one frame.
func expectInvalidUTF8(t *testing.T, addr, s string) {
	p := dialRaw(t, addr, "/echo")
	p.send(frame{finBit | opText, s}.wire())
	p.expectClose(1007)
	if len(s) <= 123 {
		p = dialRaw(t, addr, "/echo")
		p.send(closeFrame(1000, s).wire())
		p.expectClose(1007)
	}
	invalid := firstInvalidByte(s)
	p = dialRaw(t, addr, "/echo")
	first := byte(opText)
	for i := range len(s) {
		if i+1 == invalid {
			p.expectNothing(5 * time.Millisecond)
		}
		p.send(frame{first, s[i : i+1]}.wire())
		if first = opContinuation; i+1 == invalid {
			break
		}
	}
	if invalid == 0 { // s is a prefix of valid text
		p.send(frame{finBit | opContinuation, ""}.wire())
		p.expectClose(1007)
		return
	}
	p.expectClose(1007)
	p = dialRaw(t, addr, "/echo")
	whole := frame{finBit | opText, s + strings.Repeat("x", 100)}.wire()
	at := 6 // the header
	if len(s)+100 > 125 {
		at = 8
	}
	p.send(whole[:at+invalid-1])
	p.expectNothing(5 * time.Millisecond)
	p.send(whole[at+invalid-1 : at+invalid])
	p.expectClose(1007)
}

// firstInvalidByte returns the length of the shortest prefix of s that cannot
// be continued to valid text, 0 if all can.
func firstInvalidByte(s string) int {
	for n := 1; n <= len(s); n++ {
		if !isUTF8Prefix(s[:n], 3) {
			return n
		}
	}
	return 0
}

// isUTF8Prefix tries the continuation bytes at the ends of their ranges.
func isUTF8Prefix(s string, more int) bool {
	if utf8.ValidString(s) {
		return true
	}
	for _, b := range []string{"\x80", "\x8f", "\x90", "\x9f", "\xa0", "\xbf"} {
		if more > 0 && isUTF8Prefix(s+b, more-1) {
			return true
		}
	}
	return false
}

// texts returns valid and invalid UTF-8 from the boundaries of the encoding.
func texts() map[string][]string {
	greek := "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
	all := map[string][]string{
		"6.2, 6.5 valid":              {"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!", "hello$world", "hello\xc2\xa2world", "hello\xe2\x82\xacworld", "hello\xf0\xa4\xad\xa2world", greek},
		"6.3, 6.4 a surrogate in it":  {greek + "\xed\xa0\x80edited", greek + "\xf4\x90\x80\x80edited"},
		"6.7 first of a length":       {"\x00", "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80"},
		"6.8 first of 5 and 6 bytes":  {"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"},
		"6.9 last of a length":        {"\x7f", "\xdf\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"},
		"6.10 last of 4 to 6 bytes":   {"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"},
		"6.11 at the borders":         {"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80"},
		"6.17 overlong slash":         {"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"},
		"6.18 last that are overlong": {"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"},
		"6.19 overlong zero":          {"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"},
		"6.20 surrogates":             {"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"},
		"6.16 impossible bytes":       {"\xfe", "\xff", "\xfe\xfe\xff\xff"},
	}
	for i := 1; i <= len(greek); i++ {
		all["6.6 beginnings of text"] = append(all["6.6 beginnings of text"], greek[:i])
	}
	stray := ""
	for i := range 7 {
		stray += string([]byte{[]byte{0x80, 0xbf}[i%2]})
		all["6.12 stray continuation bytes"] = append(all["6.12 stray continuation bytes"], stray)
	}
	stray = ""
	for b := 0x80; b <= 0xbf; b++ {
		stray += string([]byte{byte(b)})
	}
	all["6.12 stray continuation bytes"] = append(all["6.12 stray continuation bytes"], stray)
	for _, span := range [][2]int{{0xc0, 0xdf}, {0xe0, 0xef}, {0xf0, 0xf7}, {0xf8, 0xfb}, {0xfc, 0xfd}} {
		lonely := ""
		for b := span[0]; b <= span[1]; b++ {
			lonely += string([]byte{byte(b), ' '})
		}
		all["6.13 lonely first bytes"] = append(all["6.13 lonely first bytes"], lonely)
	}
	short := []string{
		"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
		"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf", "\xf4\x8f\xbf", "\xed\x9f",
	}
	all["6.14 without the last byte"], all["6.15 all of these"] = short, []string{strings.Join(short, "")}
	for _, high := range []string{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf"} {
		all["6.21 pairs of surrogates"] = append(all["6.21 pairs of surrogates"], high+"\xed\xb0\x80", high+"\xed\xbf\xbf")
	}
	for plane := range 17 { // the last two of each plane are no characters, and valid all the same
		for _, low := range []rune{0xfffe, 0xffff} {
			all["6.22 no characters"] = append(all["6.22 no characters"], string(rune(plane)<<16|low))
		}
	}
	for r := rune(0xfff9); r <= 0xffff; r++ {
		all["6.23 specials"] = append(all["6.23 specials"], string(r))
	}
	return all
}
