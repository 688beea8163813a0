/*
 * envelope_internal.h - what envelope.c needs of envelope_meta.c.
 *
 * src/codec/envelope_internal.h
 */
#ifndef CF_CODEC_ENVELOPE_INTERNAL_H
#define CF_CODEC_ENVELOPE_INTERNAL_H

#include "codec/envelope.h"

/* At the end of a meta. */
#define CF_ENVELOPE_CRC_LEN 4

/*
 * What both sides hold a meta to, its tags left out. Sums of times must not
 * overflow for those who use them, nor may first_len reach past the value.
 */
extern bool cf_envelope_meta_is_valid(const CfEnvelope *env);

/* The length of the meta with its CRC, or 0 if a tag is not valid. */
extern Size cf_envelope_meta_measure(const CfEnvelope *env);

/* Writes all but the CRC. */
extern void cf_envelope_meta_write(const CfEnvelope *env, char *at);

#endif							/* CF_CODEC_ENVELOPE_INTERNAL_H */
