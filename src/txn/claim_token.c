/*
 * claim_token.c - the tokens of claims, as text and compared.
 *
 * src/txn/claim_token.c
 */
#include "postgres.h"

#include "txn/claim.h"

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
