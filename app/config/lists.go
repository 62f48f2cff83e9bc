package config

import (
	"fmt"
	"net/netip"
	"strings"

	"smart-factory-backend/app/access"
)

// Origins is a list of web origins for access.ParseOrigins.
type Origins []string

// Decode sets the list from origins separated by commas.
func (o *Origins) Decode(text string) error {
	*o = splitList(text)
	_, err := access.ParseOrigins(*o)
	return err
}

// Hosts is a list of host names for access.ParseHosts.
type Hosts []string

// Decode sets the list from names separated by commas.
func (h *Hosts) Decode(text string) error {
	*h = splitList(text)
	_, err := access.ParseHosts(*h)
	return err
}

// Prefixes is a list of address ranges.
type Prefixes []netip.Prefix

// Decode sets the list from addresses and CIDR ranges separated by commas.
func (p *Prefixes) Decode(text string) error {
	*p = nil
	for _, word := range splitList(text) {
		prefix, err := netip.ParsePrefix(word)
		if addr, addrErr := netip.ParseAddr(word); addrErr == nil {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return fmt.Errorf("%q is neither an address nor a CIDR range such as 10.0.0.0/8", word)
		}
		*p = append(*p, prefix.Masked())
	}
	return nil
}

// splitList returns the non-empty parts of a comma-separated list, without
// surrounding space.
func splitList(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
