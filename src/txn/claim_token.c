/*
 * claim_token.c - the tokens of claims, as text and compared; what servers say of them.
 *
 * "g", LSN, incarnation, signature; or "e", signature. What is signed has the token in it, which
 * is not sent: so Redis can only give back what was said of this very claim.
 *
 * src/txn/claim_token.c
 */
#include "postgres.h"

#include "codec/secret.h"
#include "txn/claim.h"

#define CF_GIVEN_LEN (1 + 16 + 16 + 32)
#define CF_ENDED_LEN (1 + 32)

void
cf_claim_print(const CfClaimToken *token, char digits[CF_CLAIM_TOKEN_DIGITS + 1])
{
	for (int i = 0; i < CF_CLAIM_TOKEN_BYTES; i++)
	{
		digits[2 * i] = "0123456789abcdef"[token->bytes[i] >> 4];
		digits[2 * i + 1] = "0123456789abcdef"[token->bytes[i] & 15];
	}
	digits[CF_CLAIM_TOKEN_DIGITS] = '\0';
}

static int
value_of_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
cf_claim_parse(const char *digits, int len, CfClaimToken *token)
{
	if (len != CF_CLAIM_TOKEN_DIGITS)
		return false;
	for (int i = 0; i < CF_CLAIM_TOKEN_BYTES; i++)
	{
		int			high = value_of_digit(digits[2 * i]);
		int			low = value_of_digit(digits[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		token->bytes[i] = (uint8) (high << 4 | low);
	}
	return true;
}

/* In a time that does not tell where they differ. */
bool
cf_claim_token_equal(const CfClaimToken *a, const CfClaimToken *b)
{
	uint8		differ = 0;

	for (int i = 0; i < CF_CLAIM_TOKEN_BYTES; i++)
		differ |= a->bytes[i] ^ b->bytes[i];
	return differ == 0;
}

/* ---- what servers say of a claim ---- */

typedef struct Signed
{
	CfHash128	name;
	CfClaimToken token;
	CfClaimOrigin origin;
	uint64		what;			/* 'g' or 'e' */
} Signed;

static void
print_signature(const CfHash128 *name, const CfClaimToken *token, const CfClaimOrigin *origin,
				char what, char text[33])
{
	Signed		data = {.name = *name,.token = *token,.what = what};
	uint64		signature[2];

	StaticAssertStmt(sizeof(Signed) == 16 + 16 + 16 + 8, "no padding is signed");
	if (origin != NULL)
		data.origin = *origin;
	cf_secret_sign_claim(&data, sizeof(data), signature);
	snprintf(text, 33, "%016llx%016llx", (unsigned long long) signature[0],
			 (unsigned long long) signature[1]);
}

/* In a time that does not tell where they differ. */
static bool
is_signature(const CfHash128 *name, const CfClaimToken *token, const CfClaimOrigin *origin,
			 char what, const char *text)
{
	char		right[33];
	char		differ = 0;

	print_signature(name, token, origin, what, right);
	for (int i = 0; i < 32; i++)
		differ |= right[i] ^ text[i];
	return differ == 0;
}

static bool
parse_number(const char *digits, uint64 *number)
{
	*number = 0;
	for (int i = 0; i < 16; i++)
	{
		int			value = value_of_digit(digits[i]);

		if (value < 0)
			return false;
		*number = *number << 4 | value;
	}
	return true;
}

void
cf_claim_print_given(const CfHash128 *name, const CfClaimToken *token,
					 const CfClaimOrigin *origin, char *text)
{
	char		signature[33];

	StaticAssertStmt(CF_GIVEN_LEN < CF_STORE_CLAIM_MAX, "it fits");
	print_signature(name, token, origin, 'g', signature);
	snprintf(text, CF_STORE_CLAIM_MAX, "g%016llx%016llx%s", (unsigned long long) origin->lsn,
			 (unsigned long long) origin->incarnation, signature);
}

bool
cf_claim_parse_given(const CfHash128 *name, const CfClaimToken *token, const char *text,
					 CfClaimOrigin *origin)
{
	return strlen(text) == CF_GIVEN_LEN && text[0] == 'g' &&
		parse_number(text + 1, &origin->lsn) && parse_number(text + 17, &origin->incarnation) &&
		is_signature(name, token, origin, 'g', text + 33);
}

void
cf_claim_print_ended(const CfHash128 *name, const CfClaimToken *token, char *text)
{
	text[0] = 'e';
	print_signature(name, token, NULL, 'e', text + 1);
}

bool
cf_claim_is_ended(const CfHash128 *name, const CfClaimToken *token, const char *text)
{
	return strlen(text) == CF_ENDED_LEN && text[0] == 'e' &&
		is_signature(name, token, NULL, 'e', text + 1);
}
