// Package hub delivers the frames of rooms to their members, in this process
// and, through a Broker, in others.
//
// A room numbers its frames. A member gets every frame from the one that it
// joined with on, in order; what it does when it can't keep up is its own
// affair, within the rule that Frame.Key states. Deliver never blocks, so one
// slow member holds up nobody.
//
// Between processes a frame travels once per room, and only where another
// process has members in that room. Nothing is promised there but that a loss is
// noticed: Options.Lost then asks for a frame that repairs it.
//
// What rooms mean, what a frame holds and how it is encoded for a transport is
// left to the users. Everything may be called concurrently.
package hub
