/*
 * keyring.h - the keys of cachefront.encryption_key_file, as they are now.
 *
 * src/l2/keyring.h
 */
#ifndef CF_L2_KEYRING_H
#define CF_L2_KEYRING_H

#include "postgres.h"

#include "base/compat.h"
#include "codec/crypto.h"

/*
 * *required: values must be encrypted, because a file is named. False if they
 * must be and it cannot be read: then nothing is stored or read (fail closed).
 * The ring stays valid until the next call. Never raises an error.
 */
extern pg_nodiscard bool cf_keyring_get(const CfKeyring **ring, bool *required);

#endif							/* CF_L2_KEYRING_H */
