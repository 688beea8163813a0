/*
 * secret.h - what hashes are keyed with: see CfHashSecrets in key.h.
 *
 * src/codec/secret.h
 */
#ifndef CF_CODEC_SECRET_H
#define CF_CODEC_SECRET_H

/* Its segment is to be the first: others may hash as they attach. */
extern void cf_secret_register(void);

#endif							/* CF_CODEC_SECRET_H */
