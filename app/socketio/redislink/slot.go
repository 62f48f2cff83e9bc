package redislink

import "strings"

// slotOf returns the slot of a channel (Redis Cluster specification, "Key
// distribution model"): CRC16 of its name or, if that has one, of its hash tag.
func slotOf(channel string) uint16 {
	if _, rest, ok := strings.Cut(channel, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			channel = tag
		}
	}
	var crc uint16
	for i := range len(channel) {
		crc ^= uint16(channel[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % 16384
}
