// Package hub delivers the frames of rooms to their members, in this process and,
// through a Broker, in others.
//
// A room numbers its frames. A member receives the frame that it joined with and
// every later one, in order. How a member treats a client that cannot keep up is
// up to the member, within the rule of Frame.Key. Delivery never blocks, so a
// slow member delays nobody.
//
// Between processes an event travels once per room, and only to processes that
// have members in that room. Messages may be lost, but a loss is detected:
// Options.OnGap then asks for a frame that repairs the room.
//
// The meaning of rooms, the content of frames and their encoding for a transport
// are left to the user of the package. Everything may be called concurrently.
package hub
