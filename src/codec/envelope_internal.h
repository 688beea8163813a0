/*
 * envelope_internal.h - what envelope.c needs of envelope_meta.c.
 *
 * src/codec/envelope_internal.h
 */
#ifndef CF_CODEC_ENVELOPE_INTERNAL_H
#define CF_CODEC_ENVELOPE_INTERNAL_H

#include "codec/envelope.h"

/*
 * What both sides hold a meta to. Sums of times must not overflow for those who
 * use them, nor may first_len reach past the value.
 */
extern bool cf_envelope_meta_is_valid(const CfEnvelope *env);

/* What ends the meta of a value that is not encrypted. */
#define cf_envelope_signature_len(env) ((env)->key_id == 0 ? CF_CRYPTO_OVERHEAD : 0)

/* The length of the meta with its signature. */
extern Size cf_envelope_meta_measure(const CfEnvelope *env);

/* Writes all but the signature. */
extern void cf_envelope_meta_write(const CfEnvelope *env, char *at);

#endif							/* CF_CODEC_ENVELOPE_INTERNAL_H */
