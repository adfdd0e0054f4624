/* signature_check.h - the `standard` signature, computed without the engine's code. */
#ifndef SIM_SIGNATURE_CHECK_H
#define SIM_SIGNATURE_CHECK_H

#include "speech.h"

/* The text of a secret of 24 bytes, drawn from the seed. */
void signature_draw_secret(char secret[64]);

/* Fails the run if the request's signature or its timestamp is wrong. */
void signature_check(const struct said *said, const char *secret);

#endif
