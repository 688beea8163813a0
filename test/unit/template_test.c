/* unit: src/rules/template.c */
/*
 * template_test.c - parsing of templates, and which texts they can give.
 *
 * test/unit/template_test.c
 */
#include "harness.h"

#include "rules/template.h"

static void
free_template(CfTemplate *template)
{
	for (int i = 0; i < template->nparts; i++)
		pfree(template->parts[i].text);
	if (template->parts != NULL)
		pfree(template->parts);
}

static CfTemplateError
error_of(const char *text)
{
	CfTemplate	template;
	CfTemplateError error = cf_template_parse(text, &template);

	free_template(&template);
	return error;
}

static bool
matches(const char *pattern, const char *text)
{
	CfTemplate	template;
	bool		result;

	CHECK_INT(cf_template_parse(pattern, &template), CF_TEMPLATE_OK);
	result = cf_template_matches(&template, text, strlen(text), false);
	free_template(&template);
	return result;
}

static void
test_parse(void)
{
	CfTemplate	template;

	CHECK_INT(cf_template_parse("order:{tenant_id}:{a}}b}", &template), CF_TEMPLATE_OK);
	CHECK_INT(template.nparts, 4);
	CHECK(!template.parts[0].is_column && strcmp(template.parts[0].text, "order:") == 0);
	CHECK(template.parts[1].is_column && strcmp(template.parts[1].text, "tenant_id") == 0);
	CHECK(!template.parts[2].is_column && strcmp(template.parts[2].text, ":") == 0);
	CHECK(template.parts[3].is_column && strcmp(template.parts[3].text, "a}b") == 0);
	free_template(&template);

	CHECK_INT(cf_template_parse("a{{b}}c", &template), CF_TEMPLATE_OK);
	CHECK_INT(template.nparts, 1);
	CHECK(strcmp(template.parts[0].text, "a{b}c") == 0);
	CHECK(!cf_template_has_column(&template));
	free_template(&template);
	CHECK_INT(cf_template_parse("a:{{b}}:{c}", &template), CF_TEMPLATE_OK);
	CHECK(cf_template_has_column(&template));
	free_template(&template);
}

static void
test_errors(void)
{
	CHECK_INT(error_of(""), CF_TEMPLATE_EMPTY);
	CHECK_INT(error_of("a{b"), CF_TEMPLATE_UNCLOSED);
	CHECK_INT(error_of("a}b"), CF_TEMPLATE_UNOPENED);
	CHECK_INT(error_of("a{}b"), CF_TEMPLATE_NO_NAME);
	CHECK_INT(error_of("{id}"), CF_TEMPLATE_NO_LITERAL);
	CHECK_INT(error_of("{a}{b}"), CF_TEMPLATE_NO_LITERAL);
	for (int error = CF_TEMPLATE_EMPTY; error <= CF_TEMPLATE_TOO_LONG; error++)
		CHECK(cf_template_error((CfTemplateError) error) != NULL);
}

static void
test_too_long(void)
{
	char		text[4 * CF_TEMPLATE_MAX_PARTS + 1] = "";

	for (int i = 0; i < CF_TEMPLATE_MAX_PARTS; i++)
		strcat(text, "{a}-");
	CHECK_INT(error_of(text), CF_TEMPLATE_TOO_LONG);
}

static void
test_match(void)
{
	CHECK(matches("product:{id}", "product:42"));
	CHECK(matches("product:{id}", "product:"));
	CHECK(!matches("product:{id}", "product"));
	CHECK(!matches("product:{id}", "xproduct:42"));
	CHECK(!matches("product:{id}", "products:42"));
	CHECK(matches("{id}:x", "42:x"));
	CHECK(!matches("{id}:x", "42:xy"));
	CHECK(matches("{id}:x", ":x:x"));
	CHECK(matches("a:{b}:c:{d}:e", "a:1:c:2:e"));
	CHECK(matches("a:{b}:c:{d}:e", "a:1:c:c:2:e:e"));
	CHECK(!matches("a:{b}:c:{d}:e", "a:1:d:2:e"));
	CHECK(matches("a{b}{c}d", "axxd"));
	CHECK(matches("fixed", "fixed"));
	CHECK(!matches("fixed", "fixed2"));
	CHECK(!matches("fixed", "fix"));
	CHECK(!matches("ab{x}ba", "aba"));
}

/* The plain way: some value for each column. */
static bool
can_give(const CfTemplatePart *part, int nparts, const char *text, int len)
{
	if (nparts == 0)
		return len == 0;
	if (!part->is_column)
		return part->len <= len && memcmp(part->text, text, part->len) == 0 &&
			can_give(part + 1, nparts - 1, text + part->len, len - part->len);
	for (int i = 0; i <= len; i++)
	{
		if (can_give(part + 1, nparts - 1, text + i, len - i))
			return true;
	}
	return false;
}

static void
make_text(char *text, const char *pieces[], int npieces, unsigned number)
{
	text[0] = '\0';
	for (; number > 0; number /= npieces + 1)
	{
		if (number % (npieces + 1) > 0)
			strcat(text, pieces[number % (npieces + 1) - 1]);
	}
}

/* All patterns of up to five pieces against all texts of up to five letters. */
static void
test_match_all(void)
{
	const char *pieces[] = {"a", "b", "{x}"};
	const char *letters[] = {"a", "b"};
	int			matched = 0;

	for (unsigned p = 1; p < 4 * 4 * 4 * 4 * 4; p++)
	{
		char		pattern[32];
		CfTemplate	template;

		make_text(pattern, pieces, lengthof(pieces), p);
		if (cf_template_parse(pattern, &template) == CF_TEMPLATE_OK)
		{
			for (unsigned t = 0; t < 3 * 3 * 3 * 3 * 3; t++)
			{
				char		text[32];
				int			len;
				bool		want;

				make_text(text, letters, lengthof(letters), t);
				len = strlen(text);
				want = can_give(template.parts, template.nparts, text, len);
				matched += want;
				CHECK_QUIET(cf_template_matches(&template, text, len, false) == want);
			}
		}
		free_template(&template);
	}
	CHECK(matched > 1000);
}

static bool
matches_strictly(const char *pattern, const char *text, bool (*allows) (char c))
{
	CfTemplate	template;
	bool		result;

	CHECK_INT(cf_template_parse(pattern, &template), CF_TEMPLATE_OK);
	for (int i = 0; i < template.nparts; i++)
		template.parts[i].allows = allows;
	result = cf_template_matches(&template, text, strlen(text), true);
	free_template(&template);
	return result;
}

static void
test_strict(void)
{
	CHECK(matches_strictly("product:{id}", "product:a42", NULL));
	CHECK(!matches_strictly("product:{id}", "product:", NULL));
	CHECK(!matches_strictly("product:{id}", "product:42:reviews", NULL));
	CHECK(matches_strictly("a:{b}:c:{d}:e", "a:1:c:2:e", NULL));
	CHECK(!matches_strictly("a:{b}:c:{d}:e", "a:1:c:c:2:e", NULL));
	CHECK(matches_strictly("product:{id}", "product:-42", cf_template_allows_integer));
	CHECK(!matches_strictly("product:{id}", "product:top", cf_template_allows_integer));
	CHECK(matches_strictly("u:{id}", "u:6b29fc40-ca47-1067-b31d-00dd010662da",
						   cf_template_allows_uuid));
	CHECK(!matches_strictly("u:{id}", "u:xyz", cf_template_allows_uuid));
}

int
main(void)
{
	RUN(test_parse);
	RUN(test_errors);
	RUN(test_too_long);
	RUN(test_match);
	RUN(test_match_all);
	RUN(test_strict);
	return cf_unit_end();
}
