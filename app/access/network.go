package access

import "net/netip"

// ClientNetwork returns what limits for an address are counted by: an IPv4 address
// itself, and the /64 network of an IPv6 address, since every host may use all
// addresses of its network.
func ClientNetwork(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() {
		return addr
	}
	network, _ := addr.Prefix(64) // fails for no IPv6 address
	return network.Addr()
}
