// Package real plays a province on one Linux machine: every commune, its
// gateway, its carrier's hop and the province are network namespaces, the
// programs in them are the real ones, and a script breaks things at set times.
// What the province then recorded and told is printed beside what truly
// happened.
//
// A run needs root, ip, tc, nft and NUT. Whatever it makes carries its process
// number in its name and is gone when Run returns. Its programs die with it; a
// caretaker of its own removes the rest when it is killed or panics, and should
// that one be killed too, the next run does.
//
// Nothing leaves the machine: no namespace has a way out.
package real
