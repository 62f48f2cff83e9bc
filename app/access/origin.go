package access

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Origin is a web origin (RFC 6454): a scheme, a host and a port, in lower case and
// without the scheme's default port. The zero Origin equals no page's.
type Origin struct {
	Scheme, Host string
	Port         string // "" for the scheme's default
}

// ParseOrigin parses the value of an Origin header. It reports false for "null" and
// for anything else that is not the origin of a page.
func ParseOrigin(text string) (Origin, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Opaque != "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" ||
		strings.HasSuffix(text, "#") {
		return Origin{}, false
	}
	host, port, ok := SplitHost(u.Host)
	if !ok {
		return Origin{}, false
	}
	return Origin{Scheme: strings.ToLower(u.Scheme), Host: host, Port: port}.Normalized(), true
}

// Normalized returns the origin without its port if that is the scheme's default.
func (o Origin) Normalized() Origin {
	if o.Port == defaultPorts[o.Scheme] {
		o.Port = ""
	}
	return o
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// String returns the origin as a browser sends it.
func (o Origin) String() string {
	host := o.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if o.Port != "" {
		host += ":" + o.Port
	}
	return o.Scheme + "://" + host
}

// SplitHost splits a Host header (RFC 9110, section 7.2) into the host in lower
// case, an IPv6 address without brackets, and the port, "" without one. It reports
// false if it is malformed.
func SplitHost(text string) (host, port string, ok bool) {
	host = text
	if bracket := strings.HasPrefix(text, "["); bracket && strings.HasSuffix(text, "]") {
		host = text[1 : len(text)-1]
	} else if strings.Contains(text, ":") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return "", "", false
		}
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return "", "", false
		}
		port = strconv.FormatUint(number, 10)
	}
	if strings.HasPrefix(text, "[") {
		addr, err := netip.ParseAddr(host)
		return addr.String(), port, err == nil && addr.Is6()
	}
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return !isHostRune(r) }) {
		return "", "", false
	}
	return strings.ToLower(strings.TrimSuffix(host, ".")), port, true
}

func isHostRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_'
}

// Origins is a set of web origins. The zero Origins is empty. It is immutable.
type Origins struct {
	any      bool
	patterns []Origin // Host "*.domain" stands for every name below the domain
}

// ParseOrigins parses a list of origins. Each is "*", for all, or
// scheme://host[:port], in which the host may be *.domain. The error names the
// first entry that no browser's origin could match.
func ParseOrigins(list []string) (Origins, error) {
	var set Origins
	for _, text := range list {
		if text == "*" {
			set.any = true
			continue
		}
		plain := strings.Replace(text, "://*.", "://wildcard.", 1)
		o, ok := ParseOrigin(plain)
		if !ok || plain != text && !strings.HasPrefix(o.Host, "wildcard.") {
			return Origins{}, fmt.Errorf("%q is not an origin such as https://screens.example.com or https://*.example.com, nor *", text)
		}
		if plain != text {
			o.Host = "*" + strings.TrimPrefix(o.Host, "wildcard")
		}
		set.patterns = append(set.patterns, o)
	}
	return set, nil
}

// Any reports whether the set contains every origin.
func (s Origins) Any() bool { return s.any }

// Contain reports whether o is in the set.
func (s Origins) Contain(o Origin) bool {
	return s.any || slices.ContainsFunc(s.patterns, func(p Origin) bool {
		return p.Scheme == o.Scheme && p.Port == o.Port && matchesHost(p.Host, o.Host)
	})
}

// matchesHost reports whether host is the pattern's, or below its domain if the
// pattern begins with "*.".
func matchesHost(pattern, host string) bool {
	if below, ok := strings.CutPrefix(pattern, "*"); ok {
		return len(host) > len(below) && strings.HasSuffix(host, below)
	}
	return pattern == host
}
