package access

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Hosts is the set of names under which a server may be addressed by a page that
// needs no key. It protects against DNS rebinding, in which a page from elsewhere
// makes its own name resolve to the server. Names that no stranger can register are
// always in the set: IP addresses, localhost, names without a dot, and names below
// localhost, local, internal and svc (RFC 6761, RFC 6762, Kubernetes).
type Hosts struct {
	any      bool
	patterns []string
}

// ParseHosts parses a list of host names. Each is "*", for all, a name, or *.domain
// for every name below the domain.
func ParseHosts(list []string) (Hosts, error) {
	var set Hosts
	for _, text := range list {
		if text == "*" {
			set.any = true
			continue
		}
		name, wildcard := strings.CutPrefix(text, "*")
		host, port, ok := SplitHost(strings.TrimPrefix(name, "."))
		if !ok || port != "" || wildcard != strings.HasPrefix(name, ".") {
			return Hosts{}, fmt.Errorf("%q is not a host name without a port, such as factory.example.com or *.example.com, nor *", text)
		}
		if wildcard {
			host = "*." + host
		}
		set.patterns = append(set.patterns, host)
	}
	return set, nil
}

// privateDomains are those that nobody can register in the public DNS.
var privateDomains = []string{"localhost", "local", "internal", "svc"}

// Contain reports whether a Host header names the server.
func (s Hosts) Contain(header string) bool {
	host, _, ok := SplitHost(header)
	if s.any || !ok {
		return s.any
	}
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return true
	}
	return slices.Contains(privateDomains, host[strings.LastIndexByte(host, '.')+1:]) ||
		slices.ContainsFunc(s.patterns, func(p string) bool { return matchesHost(p, host) })
}
