/* version.h - baked in by the Makefile; one place for its default. */
#ifndef HOST_VERSION_H
#define HOST_VERSION_H

#ifndef P2PFAAS_VERSION
#define P2PFAAS_VERSION "0.1.0"
#endif

#endif
