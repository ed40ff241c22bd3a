// Named characters: the common ones are here; the tokenizer adds the others when one is missed.

const COMMON =
  "AEligÆ AringÅ AumlÄ CcedilÇ Dagger‡ DeltaΔ EacuteÉ GammaΓ LambdaΛ NtildeÑ OmegaΩ OslashØ OumlÖ PhiΦ PiΠ Prime″ PsiΨ SigmaΣ" +
  " ThetaΘ UumlÜ aacuteá aeligæ agraveà alphaα amp& and∧ ang∠ apos' approx≈ aringå asymp≈ aumlä betaβ bull• cap∩ ccedilç cent¢" +
  " check✓ chiχ clubs♣ cong≅ copy© crarr↵ cup∪ dArr⇓ dagger† darr↓ deg° deltaδ diams♦ divide÷ eacuteé ecircê egraveè empty∅" +
  " emsp\u2003 ensp\u2002 epsilonε equiv≡ etaη euro€ eumlë exist∃ forall∀ frac12½ frac14¼ frac34¾ gammaγ ge≥ gt> hArr⇔ harr↔" +
  " hearts♥ hellip… iacuteí iexcl¡ infin∞ int∫ iotaι iquest¿ isin∈ iumlï kappaκ lArr⇐ lambdaλ lang⟨ laquo« larr← lceil⌈ ldquo“" +
  " le≤ lfloor⌊ loz◊ lrm\u200e lsaquo‹ lsquo‘ lt< mdash— microµ middot· minus− muμ nabla∇ nbsp\u00a0 ndash– ne≠ ni∋ not¬ notin∉" +
  " nsub⊄ ntildeñ nuν oacuteó ocircô oeligœ omegaω oplus⊕ or∨ ordfª ordmº oslashø otimes⊗ oumlö para¶ part∂ permil‰ perp⊥ phiφ" +
  " piπ plusmn± pound£ prime′ prod∏ prop∝ psiψ quot\" rArr⇒ radic√ rang⟩ raquo» rarr→ rceil⌉ rdquo” reg® rfloor⌋ rhoρ rlm\u200f" +
  " rsaquo› rsquo’ sbquo‚ sdot⋅ sect§ shy\u00ad sigmaσ spades♠ sub⊂ sube⊆ sum∑ sup⊃ sup1¹ sup2² sup3³ supe⊇ szligß tauτ there4∴" +
  " thetaθ thinsp\u2009 times× trade™ uArr⇑ uacuteú uarr↑ uumlü xiξ yen¥ zetaζ zwj\u200d zwnj\u200c";

export const entities = {
  /** @type {Map<string, string>} */
  names: new Map(COMMON.split(" ").map((pair) => [/^\w+/.exec(pair)?.[0] ?? "", pair.replace(/^\w+/, "")])),
  /** Called with each name that is not known. @type {(name: string) => void} */
  missed: () => {},
};

/** One reference with its `;`, as the character that it names; unchanged where the name is not known. @param {string} reference */
export function decodeHTMLStrict(reference) {
  const name = reference.slice(1, -1);
  const found = entities.names.get(name);
  if (found === undefined) entities.missed(name);
  return found ?? reference;
}
