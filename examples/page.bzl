"""Pages that programs carry in themselves."""

def page(name, function):
    """NAME.cc with NAME.html as what corelane::examples::FUNCTION() of NAME.h returns."""
    native.genrule(
        name = name + "_source",
        srcs = [name + ".html"],
        outs = [name + ".cc"],
        cmd = """
{
  echo '#include "examples/%s.h"'
  echo 'namespace corelane::examples {'
  echo 'std::string_view %s() {'
  printf 'static constexpr std::string_view kPage = R"corelane('
  cat $<
  echo ')corelane";'
  echo 'return kPage;'
  echo '}'
  echo '}'
} > $@""" % (name, function),
    )
