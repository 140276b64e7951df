/*
 * process.h - what this process was given, what it takes of it, and what the
 * programs that it starts get back: cores and descriptors.
 */
#ifndef HOST_PROCESS_H
#define HOST_PROCESS_H

/* Remembers what was given; opens descriptors 0 to 2 if they are not, raises the
 * soft limit of descriptors to the hard one.  Call it first in main. */
void process_init(void);
/* Descriptors that may be open at once. */
unsigned long process_descriptors(void);
/* Keeps the calling thread on the index-th of the cores that were given. */
void process_pin(unsigned index);
/* Lets it run on all of them: a new thread is where its maker is kept. */
void process_unpin(void);
/* In a child between vfork and exec: gives back what was given.  System calls only. */
void process_restore(void);

#endif
