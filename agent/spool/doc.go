// Package spool is the agent's queue on disk.
package spool
