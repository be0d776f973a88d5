-- CreateIndex
CREATE UNIQUE INDEX "Payment_receipt_url_key" ON "Payment"("receipt_url");
DO $$ BEGIN PERFORM 1; END $$;
